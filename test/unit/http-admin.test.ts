import { once } from 'node:events';
import { mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';
import { type AdminOptions, createAdminApp } from '../../src/http/admin.ts';
import { listenAdmin } from '../../src/http/listen-admin.ts';
import { identify } from '../../src/machines/identity.ts';
import { createMetrics } from '../../src/metrics/registry.ts';
import { type Ipv4, parseIpv4 } from '../../src/net/ipv4.ts';
import { KNOWN, testConfig, UNKNOWN } from '../support/provisioning.ts';

const ADDRESS = parseIpv4('192.168.0.7') as Ipv4;
const SEEN = Date.parse('2026-01-02T03:04:05Z');

function createApp(t: ExecutionContext, changes: Partial<AdminOptions> = {}) {
  const config = testConfig();
  const app = createAdminApp({
    ready: () => true,
    identify: (mac) => identify(config, mac),
    machines: () => [
      {
        mac: KNOWN,
        network: 'kubernetes1',
        firstSeen: SEEN,
        lastSeen: SEEN + 1000,
        address: ADDRESS,
        firmware: 'BIOS',
        inventory: { serial: 'CZ 1', platform: 'pcbios' },
        boot: [
          { stage: 'discover', at: SEEN, detail: 'BIOS' },
          { stage: 'script', at: SEEN + 1000, detail: 'boots flatcar/1' },
        ],
      },
      { mac: UNKNOWN, network: 'kubernetes1', firstSeen: SEEN, lastSeen: SEEN, inventory: {}, boot: [] },
    ],
    leases: () => [
      { network: 'kubernetes1', address: ADDRESS, mac: KNOWN, expires: SEEN },
      { network: 'kubernetes1', address: ADDRESS, mac: undefined, expires: Number.POSITIVE_INFINITY },
    ],
    metrics: createMetrics().registry,
    logger: pino({ level: 'silent' }),
    ...changes,
  });
  t.teardown(() => app.close());
  return app;
}

test('/healthz says that the process lives, /readyz that it works', async (t) => {
  const app = createApp(t);
  const starting = createApp(t, { ready: () => false });
  t.is((await starting.inject('/healthz')).statusCode, 200);
  t.is((await app.inject('/readyz')).statusCode, 200);
  const answer = await starting.inject('/readyz');
  t.is(answer.statusCode, 503);
  t.deepEqual(answer.json(), {
    title: 'Service Unavailable',
    status: 503,
    detail: 'the service is starting',
  });
});

test('/v1/machines tells who was seen, what it is and how far it came', async (t) => {
  const answer = await createApp(t).inject('/v1/machines');
  t.is(answer.statusCode, 200);
  t.deepEqual(answer.json(), {
    machines: [
      {
        mac: KNOWN,
        hostname: 'worker-01',
        profile: 'worker',
        reason: 'default_profile',
        admission: 'boot',
        network: 'kubernetes1',
        address: '192.168.0.7',
        firmware: 'BIOS',
        inventory: { serial: 'CZ 1', platform: 'pcbios' },
        firstSeen: '2026-01-02T03:04:05.000Z',
        lastSeen: '2026-01-02T03:04:06.000Z',
        stage: 'script',
        boot: [
          { stage: 'discover', at: '2026-01-02T03:04:05.000Z', detail: 'BIOS' },
          { stage: 'script', at: '2026-01-02T03:04:06.000Z', detail: 'boots flatcar/1' },
        ],
      },
      {
        mac: UNKNOWN,
        hostname: 'node-525400000099',
        admission: 'hold',
        reason: 'no entry in machines/, and unknown_machines is hold',
        network: 'kubernetes1',
        inventory: {},
        firstSeen: '2026-01-02T03:04:05.000Z',
        lastSeen: '2026-01-02T03:04:05.000Z',
        boot: [],
      },
    ],
  });
});

test('/v1/leases tells who has which address until when', async (t) => {
  const answer = await createApp(t).inject('/v1/leases');
  t.deepEqual(answer.json(), {
    leases: [
      { network: 'kubernetes1', address: '192.168.0.7', mac: KNOWN, expires: '2026-01-02T03:04:05.000Z' },
      { network: 'kubernetes1', address: '192.168.0.7' },
    ],
  });
});

test('/metrics speaks Prometheus’s text format', async (t) => {
  const answer = await createApp(t).inject('/metrics');
  t.regex(String(answer.headers['content-type']), /^text\/plain; version=0\.0\.4/);
  t.regex(answer.body, /^process_cpu_seconds_total \d/m);
  t.regex(answer.body, /^# TYPE rackseed_http_asset_bytes_total counter$/m);
});

test('an unknown path is answered with a problem document', async (t) => {
  const answer = await createApp(t).inject('/v1/nothing');
  t.is(answer.statusCode, 404);
  t.regex(String(answer.headers['content-type']), /^application\/problem\+json/);
  t.deepEqual(answer.json(), {
    title: 'Not Found',
    status: 404,
    detail: 'nothing is served at GET /v1/nothing',
  });
});

test('an error inside is answered with a problem document that gives nothing away', async (t) => {
  const app = createApp(t, {
    leases: () => {
      throw new Error('secret');
    },
  });
  const answer = await app.inject('/v1/leases');
  t.is(answer.statusCode, 500);
  t.is(answer.json().detail, 'the server failed; its log says why');
});

for (const [host, status] of [
  ['localhost', 200],
  ['localhost:9080', 200],
  ['LOCALHOST:9080', 200],
  ['127.0.0.1:9080', 200],
  ['[::1]:9080', 200],
  ['rackseed.example', 403],
  ['localhost.example', 403],
  ['127.0.0.1.example:9080', 403],
  ['192.168.0.254', 403],
  ['127.0.0.1@example', 403],
] as const) {
  test(`asked by the name ${host}, the admin app answers ${status}`, async (t) => {
    for (const url of ['/healthz', '/v1/machines', '/nothing']) {
      const answer = await createApp(t).inject({ url, headers: { host } });
      t.is(answer.statusCode === 403, status === 403, url);
    }
  });
}

test('a unix socket can be opened by its owner only, and is gone after closing', async (t) => {
  const path = await socketPath(t);
  const app = createApp(t);
  t.is(await listenAdmin(app, { path }), `unix:${path}`);
  t.is((await stat(path)).mode & 0o777, 0o600);
  const call = request({ socketPath: path, path: '/healthz', headers: { host: 'localhost' } }).end();
  const [answer] = await once(call, 'response');
  t.is(answer.statusCode, 200);
  answer.resume();
  await app.close();
  await t.throwsAsync(stat(path), { code: 'ENOENT' });
});

test('the socket of a dead process is replaced', async (t) => {
  const path = await socketPath(t);
  const other = createServer().listen(`${path}.old`);
  await once(other, 'listening');
  await rename(`${path}.old`, path);
  other.close();
  await once(other, 'close');
  t.is(await listenAdmin(createApp(t), { path }), `unix:${path}`);
});

test('the socket of a living process, or another file, is left alone', async (t) => {
  const path = await socketPath(t);
  const other = createServer().listen(path);
  t.teardown(() => other.close());
  await once(other, 'listening');
  await t.throwsAsync(listenAdmin(createApp(t), { path }), {
    message: /another process listens on .*is rackseed running\?/,
  });
  await writeFile(`${path}.txt`, 'mine');
  await t.throwsAsync(listenAdmin(createApp(t), { path: `${path}.txt` }), {
    message: /exists and is not a socket/,
  });
});

test('loopback TCP works too', async (t) => {
  const url = await listenAdmin(createApp(t), { host: '127.0.0.1', port: 0 });
  t.is((await fetch(`${url}/healthz`)).status, 200);
});

async function socketPath(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-admin-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return join(folder, 'admin.sock');
}
