import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { load } from 'js-yaml';
import { REPEAT_TIME } from '../../src/machines/boot-token.ts';
import { BootTokens } from '../../src/machines/boot-tokens.ts';
import { type Mac, parseMac } from '../../src/net/mac.ts';
import { openLmdbStore } from '../../src/store/lmdb.ts';
import { curl, documentUrl, lease } from '../support/machine.ts';
import { rackFor } from '../support/netns.ts';
import { folderFor, makeOpensslCa } from '../support/openssl.ts';
import { runChecked } from '../support/process.ts';
import { type ServiceSettings, serviceFor } from '../support/service.ts';

const PASSWORD_HASH = '$6$rounds=5000$planted$PlantedPasswordHash';

/** A running service with two machines that hold leases: a worker, and another one. */
async function bootFor(t: ExecutionContext, settings: ServiceSettings = {}) {
  const ca = await makeOpensslCa(await folderFor(t), 'ECDSA P-256, SEC 1');
  const { server, clients, macs } = await rackFor(t, 2);
  const [worker, other] = clients;
  const [mac = '', otherMac = ''] = macs;
  if (!worker || !other) throw new Error('the rack has two machines');
  const service = await serviceFor(t, server, {
    ...settings,
    top: {
      kubernetes: { server: 'https://192.168.0.254:6443', ca: ca.certificate, ca_key: ca.key },
      ...settings.top,
    },
    machines: [{ mac, hostname: 'worker-01' }, { mac: otherMac }],
    profile: {
      boot: { image: 'lab', document: 'cloud-config', ...(settings.profile?.boot as object | undefined) },
      kubernetes: { role: 'worker' },
      cloud_config: { users: [{ name: 'core', passwd: PASSWORD_HASH }] },
    },
  });
  const address = await lease(service, worker, mac);
  const otherAddress = await lease(service, other, otherMac);
  return { service, server, worker, other, mac, otherMac, address, otherAddress, clusterKey: ca.key };
}

/** What a document says about the second step: the URL, and a file with the CA. */
async function secretsOf(t: ExecutionContext, document: string): Promise<{ url: string; ca: string }> {
  const { url, pem } = document.startsWith('{') ? fromIgnition(document) : fromCloudConfig(document);
  const ca = join(await folderFor(t), 'boot-ca.crt');
  await writeFile(ca, pem);
  return { url, ca };
}

function fromIgnition(document: string) {
  const { ignition } = JSON.parse(document) as {
    ignition: {
      config: { merge: [{ source: string }] };
      security: { tls: { certificateAuthorities: [{ source: string }] } };
    };
  };
  const [{ source }] = ignition.security.tls.certificateAuthorities;
  return { url: ignition.config.merge[0].source, pem: decodeUrl(source) };
}

function fromCloudConfig(document: string) {
  const { write_files: files } = load(document) as { write_files: { path: string; content: string }[] };
  const contentOf = (path: string) => files.find((file) => file.path === path)?.content ?? '';
  const [, url = ''] = /url = "(.*)"/.exec(contentOf('/etc/rackseed/secrets.curl')) ?? [];
  return { url, pem: contentOf('/etc/rackseed/boot-ca.crt') };
}

/** The kubeconfig in what a machine has fetched: an archive, or an Ignition configuration. */
async function readKeys(file: string): Promise<string> {
  const text = await readFile(file, 'utf8');
  if (!text.startsWith('{')) return runChecked(['tar', '-xOf', file, 'etc/kubernetes/kubeconfig']);
  const { storage } = JSON.parse(text) as {
    storage: { files: { path: string; contents: { source: string; compression?: string } }[] };
  };
  const found = storage.files.find(({ path }) => path === '/etc/kubernetes/kubeconfig')?.contents;
  const bytes = Buffer.from(found?.source.split(',')[1] ?? '', 'base64');
  return (found?.compression ? gunzipSync(bytes) : bytes).toString();
}

/** The text of a data URL in base64. */
const decodeUrl = (url: string) => Buffer.from(url.split(',')[1] ?? '', 'base64').toString();

test('a machine gets its document over HTTP and its keys over HTTPS; nobody else gets either', async (t) => {
  const { service, server, worker, other, mac, otherMac, address, otherAddress } = await bootFor(t);
  const url = await documentUrl(worker, mac);
  const otherUrl = await documentUrl(other, otherMac);
  const refused: [from: typeof worker, url: string, reason: RegExp][] = [
    [other, url, new RegExp(`${otherAddress} asked for .* ${mac} got it at ${address}`)],
    [server, url, new RegExp(`192\\.168\\.0\\.254 asked for .* ${mac} got it at ${address}`)],
    [other, otherUrl.replace(/config\/[^?]+/, `config/${mac}`), /with the token of another machine/],
    [worker, url.replace(/\?.*/, ''), /without a token/],
    [worker, url.replace(/token=.*/, `token=${'A'.repeat(43)}`), /with a token that nobody was given/],
  ];
  for (const [from, asked, reason] of refused) {
    t.is((await curl(from, asked)).status, 403, asked.replace(/token=.*/, ''));
    await t.notThrowsAsync(service.child.waitFor(reason));
  }
  const fromElsewhere = await curl(other, `http://192.168.0.254/ipxe?mac=${mac}`);
  t.notRegex(fromElsewhere.body, /token=/);

  const document = await curl(worker, url);
  t.is(document.status, 200);
  t.false(document.body.includes('client-key-data'));
  const secrets = await secretsOf(t, document.body);
  t.is((await curl(other, '--cacert', secrets.ca, secrets.url)).status, 403);
  t.is((await curl(worker, secrets.url)).status, 0, 'no CA of the system knows this server');
  const archive = join(await folderFor(t), 'secrets.tar');
  t.is((await curl(worker, '--cacert', secrets.ca, '-o', archive, secrets.url)).status, 200);
  t.regex(await readKeys(archive), /client-key-data/);

  t.is((await curl(worker, url)).body, document.body, 'within two minutes');
  t.is((await curl(worker, '--cacert', secrets.ca, '-o', archive, secrets.url)).status, 200);
  t.is(await service.metric('rackseed_http_documents_total'), 2);
  t.is(await service.metric('rackseed_http_secrets_total'), 2);
});

test('a machine that waits for approval gets nothing, with any token', async (t) => {
  const { clients, macs, server } = await rackFor(t, 1);
  const [client] = clients;
  const [mac = ''] = macs;
  if (!client) return t.fail();
  const service = await serviceFor(t, server, { top: { unknown_machines: 'hold' } });
  await lease(service, client, mac);
  const url = `http://192.168.0.254/cloud-config/${mac}?token=${'A'.repeat(43)}`;
  const { status, body } = await curl(client, url);
  t.is(status, 403);
  t.regex(body, /may not boot/);
});

test('a script by TFTP carries a token too', async (t) => {
  const { worker, other, mac } = await bootFor(t);
  const ask = `tftp://192.168.0.254/${mac.replaceAll(':', '-')}.ipxe`;
  const [, url = ''] = /cloud-config-url=(\S+)/.exec((await curl(worker, ask)).body) ?? [];
  t.is((await curl(worker, url)).status, 200);
  t.notRegex((await curl(other, ask)).body, /token=/);
});

test('a token that isn’t used in time is worth nothing', async (t) => {
  const { worker, mac, service } = await bootFor(t, { top: { boot_token: '1s' } });
  const url = await documentUrl(worker, mac);
  // HEAD uses nothing up.
  while ((await curl(worker, '-I', url)).status === 200);
  const { status, body } = await curl(worker, url);
  t.is(status, 403);
  t.regex(body, /has expired; boot the machine again/);
  await t.notThrowsAsync(service.child.waitFor(/with a token that has expired/));
});

test('tokens outlive kill -9: live ones are live, used ones used', async (t) => {
  const { worker, mac, service, address } = await bootFor(t);
  const used = await documentUrl(worker, mac);
  const document = await curl(worker, used);
  const live = await documentUrl(worker, mac);
  service.child.kill('SIGKILL');
  await service.child.exited;

  const store = openLmdbStore(join(service.directory, 'store'), (error) => t.fail(error.message));
  const tokens = new BootTokens({
    records: [...store.bootTokens()],
    save: async () => {},
    remove: () => {},
    lifetime: () => 0,
  });
  await store.close();
  const later = Date.now() + REPEAT_TIME;
  const fault = (url: string) => {
    const result = tokens.check(
      url.replace(/.*token=/, ''),
      { mac: parseMac(mac) as Mac, address, use: 'document' },
      later,
    );
    return 'fault' in result ? result.fault : undefined;
  };
  t.deepEqual([fault(used), fault(live)], ['used', undefined]);

  await service.restart();
  t.is((await curl(worker, live)).status, 200, 'the script was from before');
  const { url, ca } = await secretsOf(t, document.body);
  t.is((await curl(worker, '--cacert', ca, '-o', '/dev/null', url)).status, 200, 'and so was this document');
});

test('a thousand guesses of a neighbour don’t succeed, are soon not answered, and fill no log', async (t) => {
  const { other, worker, mac, service, otherAddress } = await bootFor(t);
  const guesses = `http://192.168.0.254/cloud-config/${mac}?token=[1000-1999]${'A'.repeat(39)}`;
  const { body, status } = await curl(other, '-w', '%{http_code} ', '-o', '/dev/null', guesses);
  const statuses = `${body} ${status}`.trim().split(/\s+/);
  const count = (wanted: string) => statuses.filter((one) => one === wanted).length;
  t.deepEqual([count('403'), count('429'), count('200')], [10, 990, 0]);
  const lines = service.child.output().split('\n');
  const told = lines.filter((line) => line.includes(`to ${otherAddress}`));
  t.is(told.filter((line) => /HTTP 429/.test(line)).length, 1);
  t.is(told.length, 2, told.join('\n'));
  t.is(await service.metric('rackseed_http_refused_total', 'status="429"'), 990);
  t.is((await curl(worker, await documentUrl(worker, mac))).status, 200);
});

const API = [
  '/metrics',
  '/v1/machines',
  '/v1/machines/MAC',
  '/v1/machines/MAC/boots',
  '/v1/machines/MAC/next',
  '/v1/leases',
  '/v1/networks',
  '/v1/profiles',
  '/v1/images',
  '/v1/settings',
  '/v1/events',
  '/v1/changes',
  '/v1/export?format=csv',
  '/v1/export?format=yaml',
  '/v1/tokens',
];

for (const document of ['cloud-config', 'ignition'] as const) {
  test(`of a whole boot by ${document}, no secret is in logs at debug level, metrics, the API or the store`, async (t) => {
    const { worker, other, mac, service, clusterKey } = await bootFor(t, {
      options: ['--log-level', 'debug'],
      profile: { boot: { document } },
    });
    const socket = join(service.directory, 'admin.sock');
    const events = runChecked([
      'curl',
      '-sS',
      '--unix-socket',
      socket,
      '-N',
      '--max-time',
      '5',
      'http://localhost/v1/events',
    ]).catch((error: Error) => error.message);
    const url = await documentUrl(worker, mac);
    const { body } = await curl(worker, url);
    const { url: second, ca } = await secretsOf(t, body);
    const fetched = join(await folderFor(t), 'secrets');
    await curl(worker, '--cacert', ca, '-o', fetched, second);
    const keys = await readKeys(fetched);
    // What goes wrong is told in more words.
    await curl(other, url);
    await curl(worker, url.replace('?', '/x?'));
    await curl(worker, url.replace(/\/[^/]+\?token=(.*)/, '/$1/user-data'));
    await curl(worker, `http://192.168.0.254/nocloud/${mac}/${url.replace(/.*token=/, '')}/other`);
    await curl(worker, '-X', 'POST', '-d', 'stage=up', `http://192.168.0.254/phone-home/${mac}`);

    const [, key = ''] = /client-key-data: (\S+)/.exec(keys) ?? [];
    const planted = {
      token: url.replace(/.*token=/, ''),
      'token of the keys': second.replace(/.*token=/, ''),
      'key of the node': key,
      'key of the CA':
        (await readFile(join(service.directory, 'store/boot-ca/ca.key'), 'latin1')).split('\n')[1] ?? '',
      "key of the cluster's CA": (await readFile(clusterKey, 'latin1')).split('\n')[1] ?? '',
      'hash of a password': 'PlantedPasswordHash',
    };
    for (const [what, secret] of Object.entries(planted)) t.true(secret.length > 15, what);

    const places: [string, string][] = [
      ['the log', service.child.output()],
      ['the store', await readFile(join(service.directory, 'store/data.mdb'), 'latin1')],
      ['/v1/events', await events],
    ];
    for (const path of API.filter((route) => route !== '/v1/events')) {
      const address = `http://localhost${path.replace('MAC', mac)}`;
      places.push([path, await runChecked(['curl', '-sS', '--unix-socket', socket, address])]);
    }
    t.regex(places[0]?.[1] ?? '', /"HTTP"|HTTP/, 'there is a log at all');
    for (const [place, text] of places) {
      for (const [what, secret] of Object.entries(planted)) {
        // What a profile itself says is what the page shows of it.
        if (place.endsWith('/next') && what === 'hash of a password') continue;
        t.false(text.includes(secret), `${what} in ${place}`);
      }
    }
  });
}
