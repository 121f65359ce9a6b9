import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Pull, Pulls } from '../../src/images/pulls.ts';
import { createTestAdmin } from '../support/admin.ts';
import { createTestApp, testConfig } from '../support/provisioning.ts';
import { INITRD, KERNEL, makeSite, sum } from '../support/releases.ts';

/** An admin API that really pulls, from a server of releases. */
async function serve(t: ExecutionContext) {
  const site = await makeSite(t);
  const config = testConfig({ assets: { directory: site.assets, memory: 0 }, images: site.settings });
  const ended: Pull[] = [];
  let tell = () => {};
  const pulls = new Pulls({
    config: () => config,
    onEnd: (pull) => {
      ended.push(pull);
      tell();
    },
  });
  t.teardown(() => pulls.close());
  const admin = await createTestAdmin(t, { config: () => config, pulls });
  const operator = await admin.token('operator');
  const ask = async (method: 'GET' | 'POST' | 'DELETE', url: string, payload?: object, token = operator) => {
    const answer = await admin.remote({ method, url, ...(payload && { payload }) }, token);
    return { status: answer.statusCode, body: answer.body === '' ? undefined : answer.json() };
  };
  return {
    site,
    admin,
    ask,
    /** Waits until so many pulls have ended. */
    async ended(count: number) {
      while (ended.length < count) {
        await new Promise<void>((resolve) => {
          tell = resolve;
        });
      }
    },
  };
}

test('Kubernetes is pulled as a system extension by the API, other systems are not', async (t) => {
  const { site, ask, ended } = await serve(t);
  const name = 'kubernetes-v1.36.2-x86-64.raw';
  site.server.publish(`/extensions/kubernetes/${name}`, 'squashfs');
  const digest = sum('sha256', Buffer.from('squashfs'));
  site.server.publish('/extensions/kubernetes/SHA256SUMS', `${digest}  ${name}\n`);
  const begun = await ask('POST', '/v1/images/pulls', { image: 'kubernetes@v1.36', sysext: true });
  t.like(begun, { status: 202, body: { wanted: 'kubernetes@v1.36 as a system extension' } });
  await ended(1);
  const { body } = await ask('GET', '/v1/images/pulls');
  t.like(body.pulls[0], { image: 'kubernetes/v1.36.2', files: [{ name: 'kubernetes.raw', done: true }] });
  t.is((await ask('POST', '/v1/images/pulls', { image: 'flatcar', sysext: true })).status, 422);
});

test('an image is pulled by the API, which tells how far it is and what came of it', async (t) => {
  const { site, ask, ended, admin } = await serve(t);
  await site.publishFlatcar('4593.2.5');
  const begun = await ask('POST', '/v1/images/pulls', { image: 'flatcar@stable', follow: true });
  t.is(begun.status, 202);
  t.like(begun.body, { id: 1, wanted: 'flatcar@stable', by: 'a-operator', state: 'running', files: [] });
  await ended(1);
  const { body } = await ask('GET', '/v1/images/pulls');
  t.like(body.pulls[0], {
    id: 1,
    state: 'done',
    image: 'flatcar/4593.2.5',
    outcome: 'new',
    followed: 'flatcar/current',
    signedBy: site.key.fingerprint,
    files: [
      { name: KERNEL, bytes: 200_000, size: 200_000, done: true },
      { name: INITRD, bytes: 1_000_000, size: 1_000_000, done: true },
    ],
  });
  t.like(admin.rack.journal.changes()[0], {
    action: 'pull-image',
    by: 'a-operator',
    detail: 'flatcar@stable, and current follows it',
  });
  const { images } = (await ask('GET', '/v1/images')).body;
  t.like(
    images.find(({ name }: { name: string }) => name === 'flatcar/4593.2.5'),
    {
      origin: 'flatcar@stable',
      signedBy: site.key.fingerprint,
      links: ['flatcar/current'],
      uses: [],
      profiles: [],
      missing: [],
    },
  );
});

test('a pull that fails tells why', async (t) => {
  const { ask, ended } = await serve(t);
  await ask('POST', '/v1/images/pulls', { image: 'flatcar@4593.2.5' });
  await ended(1);
  const { pulls } = (await ask('GET', '/v1/images/pulls')).body;
  t.is(pulls[0].state, 'failed');
  t.regex(pulls[0].problem, /is this a version of Flatcar that was released/);
});

test('a pull is stopped by the API, and goes on later', async (t) => {
  const { site, ask, ended } = await serve(t);
  await site.publishFlatcar('4593.2.5');
  site.server.misbehave((request, response, file) => {
    if (!request.url?.endsWith(INITRD) || !file) return false;
    response.writeHead(200, { 'content-length': file.bytes.length }).write(file.bytes.subarray(0, 1000));
    return true;
  });
  const { id } = (await ask('POST', '/v1/images/pulls', { image: 'flatcar' })).body;
  t.is(
    (await ask('POST', '/v1/images/pulls', { image: 'flatcar@stable' })).status,
    409,
    'the same is not begun twice',
  );
  t.is((await ask('DELETE', `/v1/images/pulls/${id}`)).status, 204);
  await ended(1);
  t.is((await ask('DELETE', `/v1/images/pulls/${id}`)).status, 404);
  const [stopped] = (await ask('GET', '/v1/images/pulls')).body.pulls;
  t.like(stopped, { state: 'failed', problem: 'it was stopped; pull it again to go on' });
  site.server.misbehave(() => false);
  await ask('POST', '/v1/images/pulls', { image: 'flatcar' });
  await ended(2);
  t.is((await ask('GET', '/v1/images/pulls')).body.pulls[0].state, 'done');
});

test('who may only read may neither pull nor remove images', async (t) => {
  const { ask, admin } = await serve(t);
  const reader = await admin.token('read');
  t.is((await ask('GET', '/v1/images/pulls', undefined, reader)).status, 200);
  t.is((await ask('POST', '/v1/images/pulls', { image: 'flatcar' }, reader)).status, 403);
  t.is((await ask('DELETE', '/v1/images/flatcar/1', undefined, reader)).status, 403);
});

for (const [what, payload, status] of [
  ['what is no source', { image: 'debian@13' }, 400],
  ['a channel that there is none of', { image: 'flatcar@edge' }, 422],
  ['a path for a version', { image: 'flatcar@../../etc' }, 400],
  ['an unknown processor', { image: 'flatcar', arch: 'vax' }, 400],
] as const) {
  test(`the API refuses to pull ${what}`, async (t) => {
    const { ask } = await serve(t);
    t.is((await ask('POST', '/v1/images/pulls', payload)).status, status);
  });
}

test('an image is removed by the API unless something uses it', async (t) => {
  const { site, ask } = await serve(t);
  for (const name of ['flatcar/1', 'flatcar/2']) {
    await mkdir(join(site.assets, name), { recursive: true });
    await writeFile(join(site.assets, name, 'vmlinuz'), 'kernel');
  }
  const used = await ask('DELETE', '/v1/images/flatcar/1');
  t.is(used.status, 409);
  t.regex(used.body.detail, /flatcar\/1 is used by profile worker/);
  t.is((await ask('DELETE', '/v1/images/flatcar/2')).status, 204);
  await t.throwsAsync(stat(join(site.assets, 'flatcar/2')), { code: 'ENOENT' });
  t.is((await ask('DELETE', '/v1/images/flatcar/2')).status, 404);
  t.is((await ask('DELETE', '/v1/images/.partial/x')).status, 400);
});

test('machines get no file that was damaged since it was pulled, and are told to come back', async (t) => {
  const site = await makeSite(t);
  const assets = { directory: site.assets, memory: 64 << 20 };
  await site.publishFlatcar('4593.2.5');
  await site.pull('flatcar');
  const { app } = await createTestApp(t, { settings: { assets } });
  const get = (file: string) => app.inject(`/assets/flatcar/4593.2.5/${file}`);
  t.is((await get(KERNEL)).statusCode, 200);
  await writeFile(join(site.assets, 'flatcar/4593.2.5', INITRD), 'damaged');
  const answer = await get(INITRD);
  t.is(answer.statusCode, 503, 'a 4xx would be final');
  t.regex(answer.body, /the file is damaged on the server/);
  t.is((await app.inject(`/assets/.partial/flatcar@4593.2.5/${INITRD}`)).statusCode, 404);
});
