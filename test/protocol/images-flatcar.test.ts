import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { breakOff } from '../support/release-server.ts';
import {
  digestsOf,
  INITRD,
  KERNEL,
  makeKey,
  makeSite,
  type Site,
  signBytes,
  sum,
} from '../support/releases.ts';

const FOLDER = '/stable/amd64-usr/4593.2.5';

/** Expects a pull to fail, with a text like that, and nothing that machines can see to be changed by it. */
async function refuses(t: ExecutionContext, site: Site, wanted: string, message: RegExp): Promise<void> {
  const before = await site.visible();
  const error = await t.throwsAsync(site.pull(wanted));
  t.regex(error?.message ?? '', message);
  t.deepEqual(await site.visible(), before);
}

test('a channel is pulled as the version that it has now, checked by signed digests', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  const result = await site.pull('flatcar@stable');
  t.deepEqual(result, { image: 'flatcar/4593.2.5', outcome: 'new', signedBy: site.key.fingerprint });
  t.deepEqual(await site.visible(), {
    [`flatcar/4593.2.5/${KERNEL}`]: sum('sha256', site.server.file(`${FOLDER}/${KERNEL}`)),
    [`flatcar/4593.2.5/${INITRD}`]: sum('sha256', site.server.file(`${FOLDER}/${INITRD}`)),
  });
  const manifest = JSON.parse(await readFile(join(site.assets, 'flatcar/4593.2.5/.rackseed.json'), 'utf8'));
  t.is(manifest.origin, 'flatcar@stable');
  t.is(manifest.signedBy, site.key.fingerprint);
  t.deepEqual(
    manifest.files.map(({ name }: { name: string }) => name),
    [KERNEL, INITRD],
  );
});

for (const [wanted, version, channel] of [
  ['flatcar@4757.1.0', '4757.1.0', 'beta'],
  ['flatcar@4790.0.0', '4790.0.0', 'alpha'],
  ['flatcar@3602.3.1', '3602.3.1', 'lts'],
] as const) {
  test(`${wanted} is found on the channel ${channel}, without asking what is current`, async (t) => {
    const site = await makeSite(t);
    await site.publishFlatcar(version, { channel });
    t.is((await site.pull(wanted)).image, `flatcar/${version}`);
    t.deepEqual(site.server.asked('version.txt'), []);
  });
}

test('flatcar@lts is the newest LTS that is still looked after', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4081.3.6', { channel: 'lts' });
  site.server.publish(
    '/lts/lts-info',
    '2605:2021:unsupported\n3510:2023:supported\n4081:2024:supported\n4999:2027:unsupported\n',
  );
  site.server.publish('/lts/amd64-usr/current-2024/version.txt', 'FLATCAR_VERSION=4081.3.6\n');
  t.is((await site.pull('flatcar@lts')).image, 'flatcar/4081.3.6');
  t.is((await site.pull('flatcar@lts-2024')).outcome, 'unchanged');
});

test('an image for arm64 lies in a folder of its own', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5', { arch: 'arm64' });
  t.is((await site.pull('flatcar', { arch: 'arm64' })).image, 'flatcar/4593.2.5-arm64');
});

test('a kernel whose digests are listed under the name that it links to is found by that', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  const other = 'flatcar_production_image.vmlinuz';
  const digests = Buffer.from(digestsOf(other, site.server.file(`${FOLDER}/${KERNEL}`)));
  for (const ending of ['.DIGESTS', '.DIGESTS.sig']) site.server.withdraw(`${FOLDER}/${KERNEL}${ending}`);
  site.server.publish(`${FOLDER}/${other}.DIGESTS`, digests);
  site.server.publish(`${FOLDER}/${other}.DIGESTS.sig`, await signBytes(site.key, digests));
  t.is((await site.pull('flatcar')).outcome, 'new');
});

test('a download that breaks off goes on where it ended', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  site.server.misbehave(breakOff(INITRD, 300_000, 2));
  t.is((await site.pull('flatcar')).outcome, 'new');
  const asked = site.server.asked(INITRD);
  t.is(asked.length, 3);
  t.true(
    asked.slice(1).every((line) => / bytes=\d+-$/.test(line)),
    asked.join('\n'),
  );
});

test('a server that dies for good leaves what is here for the next time', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  let first = true;
  site.server.misbehave((request, response, file) => {
    if (!request.url?.endsWith(INITRD)) return false;
    if (first) {
      first = false;
      return breakOff(INITRD, 300_000, 1)(request, response, file);
    }
    response.destroy();
    return true;
  });
  await refuses(
    t,
    site,
    'flatcar',
    /can't be fetched .*; what is here stays, and the same command goes on with it$/,
  );
  site.server.misbehave(() => false);
  site.server.requests.length = 0;
  t.is((await site.pull('flatcar')).outcome, 'new');
  t.regex(site.server.asked(INITRD).join(), /bytes=[1-9]\d+-$/);
  t.deepEqual(site.server.asked(KERNEL), [], 'the kernel was complete already');
});

test('a file that was replaced while it was downloaded is fetched anew, not pieced together', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  const right = site.server.file(`${FOLDER}/${INITRD}`);
  const before = randomBytes(right.length);
  let times = 0;
  site.server.misbehave((request, response) => {
    if (!request.url?.endsWith(INITRD) || times > 0) return false;
    times += 1;
    response.writeHead(200, { etag: '"before"', 'content-length': before.length });
    response.write(before.subarray(0, 400_000), () => response.destroy());
    return true;
  });
  t.is((await site.pull('flatcar')).outcome, 'new');
  t.true((await readFile(join(site.assets, 'flatcar/4593.2.5', INITRD))).equals(right));
});

test('pieces of two versions from a server without entity tags are thrown away, and all is fetched once more', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  const right = site.server.file(`${FOLDER}/${INITRD}`);
  let times = 0;
  site.server.misbehave((request, response) => {
    if (!request.url?.endsWith(INITRD)) return false;
    times += 1;
    const [, start] = /bytes=(\d+)-/.exec(request.headers.range ?? '') ?? [];
    if (times === 1) {
      response.writeHead(200, { 'content-length': right.length });
      response.write(Buffer.alloc(400_000), () => response.destroy());
    } else if (start === undefined) {
      response.writeHead(200, { 'content-length': right.length }).end(right);
    } else {
      const range = `bytes ${start}-${right.length - 1}/${right.length}`;
      response.writeHead(206, { 'content-range': range }).end(right.subarray(Number(start)));
    }
    return true;
  });
  t.is((await site.pull('flatcar')).outcome, 'new');
  t.is(times, 3);
});

test('a corrupted file is refused and not kept', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.4');
  await site.pull('flatcar');
  await site.publishFlatcar('4593.2.5');
  const corrupted = Buffer.from(site.server.file(`${FOLDER}/${INITRD}`));
  corrupted[500_000] = (corrupted[500_000] ?? 0) ^ 1;
  site.server.publish(`${FOLDER}/${INITRD}`, corrupted);
  await refuses(
    t,
    site,
    'flatcar',
    /4593\.2\.5\/flatcar_production_pxe_image\.cpio\.gz is not what its publisher vouches for: it has sha512 \w{16}… and should have sha512/,
  );
  t.is(site.server.asked(`4593.2.5/${INITRD}`).length, 1, 'asking again would not help');
});

test("a file that is shorter than the release's, though the server calls it whole, is refused", async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  site.server.publish(`${FOLDER}/${INITRD}`, site.server.file(`${FOLDER}/${INITRD}`).subarray(0, 900_000));
  await refuses(t, site, 'flatcar', /is not what its publisher vouches for/);
});

test('digests that somebody else signed are refused, and no image is downloaded', async (t) => {
  const site = await makeSite(t);
  const stranger = await makeKey('Somebody');
  await site.publishFlatcar('4593.2.5', { key: stranger });
  await refuses(
    t,
    site,
    'flatcar',
    /\.DIGESTS can't be trusted: it is signed by [0-9A-F]{16}, which is none of the keys that may/,
  );
  t.deepEqual(site.server.asked(INITRD), []);
});

test('digests that were changed after they were signed are refused', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  const other = randomBytes(1000);
  site.server.publish(`${FOLDER}/${INITRD}`, other);
  site.server.publish(`${FOLDER}/${INITRD}.DIGESTS`, digestsOf(INITRD, other));
  await refuses(
    t,
    site,
    'flatcar',
    /\.DIGESTS can't be trusted: its signature by [0-9A-F]{16} is for something else/,
  );
});

test('digests of the kernel in the place of those of the initrd are refused', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  for (const ending of ['.DIGESTS', '.DIGESTS.sig'])
    site.server.publish(`${FOLDER}/${INITRD}${ending}`, site.server.file(`${FOLDER}/${KERNEL}${ending}`));
  await refuses(t, site, 'flatcar', /has no SHA-512 of flatcar_production_pxe_image\.cpio\.gz/);
});

test('a page in the place of a signature is refused', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  site.server.publish(`${FOLDER}/${KERNEL}.DIGESTS.sig`, '<html>Please log in</html>');
  await refuses(t, site, 'flatcar', /can't be trusted: what should be its signature is none/);
});

test('without the key, nothing is downloaded and the command that adds it is told', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  await rm(site.settings.keyDirectory, { recursive: true });
  await refuses(
    t,
    site,
    'flatcar',
    /isn't here yet: get it from https:\/\/www\.flatcar\.org\/.*, then "rackseed images key add FILE"$/,
  );
  t.deepEqual(site.server.requests, []);
});

test('a version that was never released is told as that', async (t) => {
  const site = await makeSite(t);
  await refuses(t, site, 'flatcar@4593.2.5', /isn't there: is this a version of Flatcar that was released/);
});

test('a version.txt with something else in it leads nowhere', async (t) => {
  const site = await makeSite(t);
  site.server.publish('/stable/amd64-usr/current/version.txt', 'FLATCAR_VERSION=../../../etc\n');
  await refuses(t, site, 'flatcar', /names no version of Flatcar/);
});

test('a version that is here is checked and not downloaded again', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  await site.pull('flatcar');
  site.server.requests.length = 0;
  t.is((await site.pull('flatcar')).outcome, 'unchanged');
  t.deepEqual(site.server.asked(INITRD), []);
});

test('of a version that is here, only the file that is damaged is downloaded again', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  await site.pull('flatcar');
  const before = await site.visible();
  await writeFile(join(site.assets, 'flatcar/4593.2.5', INITRD), 'damaged');
  site.server.requests.length = 0;
  t.is((await site.pull('flatcar')).outcome, 'repaired');
  t.deepEqual(await site.visible(), before);
  t.deepEqual(site.server.asked(KERNEL), []);
});

test('another release published by the name of one that is here is refused', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  await site.pull('flatcar');
  await site.publishFlatcar('4593.2.5');
  await refuses(
    t,
    site,
    'flatcar',
    /flatcar\/4593\.2\.5 is here, but what is published as that now is something else .*"rackseed images remove flatcar\/4593\.2\.5" first/,
  );
});

test("two pulls of one image at a time don't get into each other's way", async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  const asked = new EventTarget();
  let release = () => {};
  site.server.misbehave((request, response, file) => {
    if (!request.url?.endsWith(INITRD) || !file) return false;
    release = () => response.writeHead(200, { 'content-length': file.bytes.length }).end(file.bytes);
    asked.dispatchEvent(new Event('initrd'));
    return true;
  });
  const isUnderWay = once(asked, 'initrd');
  const first = site.pull('flatcar');
  await isUnderWay;
  await t.throwsAsync(site.pull('flatcar'), { message: /flatcar\/4593\.2\.5 is being worked on already/ });
  release();
  t.is((await first).outcome, 'new');
});

test('a pull that is stopped leaves nothing that machines see, and goes on later', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  const stop = new AbortController();
  const observe = (event: { readonly type: string }) => {
    if (event.type === 'progress') stop.abort(new Error('it was stopped'));
  };
  await t.throwsAsync(site.pull('flatcar', { observe, signal: stop.signal }), { message: 'it was stopped' });
  t.deepEqual(await site.visible(), {});
  t.is((await site.pull('flatcar')).outcome, 'new');
});
