import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { ApiClient } from '../../src/api-client/client.ts';
import { localEndpoint, remoteEndpoint } from '../../src/api-client/endpoint.ts';
import { explainConnection } from '../../src/api-client/errors.ts';
import { AT, adminApiFor, refusal, shownMachine } from '../support/admin-api-double.ts';
import { folderFor, makeOpensslCa, makeServerCertificate } from '../support/openssl.ts';
import { run } from '../support/process.ts';
import { PROGRAM } from '../support/program.ts';

const MAC = '52:54:00:00:00:01';

/** Runs the command line as a user does. */
function rackseed(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return run([...PROGRAM, ...args], { env, timeout: 30_000 });
}

test('the API is asked over TCP, a unix socket, and below the path of a proxy', async (t) => {
  const path = join(await folderFor(t), 'admin.sock');
  const machines = [shownMachine(1)];
  const tcp = await adminApiFor(t, { machines });
  const unix = await adminApiFor(t, { machines, path });
  t.is((await tcp.client.machines()).length, 1);
  t.is((await unix.client.machines()).length, 1);
  t.is((await new ApiClient(localEndpoint({ path })).machines()).length, 1);
  t.is(new ApiClient(localEndpoint({ host: '::1', port: 9080 })).place, 'http://[::1]:9080');
  const proxied = new ApiClient(remoteEndpoint(`${tcp.url}/rack/`));
  await t.throwsAsync(proxied.machines(), { message: 'nothing is served at GET /rack/v1/machines' });
});

test('a URL that is none of a service is told so', (t) => {
  for (const wrong of ['rack', 'ftp://x', 'http://', 'unix:relative', 'http://user:pass@x/']) {
    t.throws(() => remoteEndpoint(wrong), { message: /is not where a service is: use http:/ }, wrong);
  }
});

test('HTTPS is trusted by its CA only, and says what to do otherwise', async (t) => {
  const folder = await folderFor(t);
  const ca = await makeOpensslCa(folder, 'ECDSA P-256, SEC 1');
  const { certPath, keyPath } = await makeServerCertificate(folder, ca);
  const tls = { cert: await readFile(certPath, 'utf8'), key: await readFile(keyPath, 'utf8') };
  const api = await adminApiFor(t, { machines: [shownMachine(1)], tls });
  const server = ['--server', api.url];
  const doubted = await rackseed(['machines', ...server]);
  t.is(doubted.code, 1);
  t.regex(doubted.stderr, /its certificate isn't trusted; name the file with its CA in NODE_EXTRA_CA_CERTS/);
  const trusted = await rackseed(['machines', ...server], { NODE_EXTRA_CA_CERTS: ca.certificate });
  t.regex(trusted.stdout, /^worker-01 +52:54:00:00:00:01 +ready/m);
  const plain = await rackseed(['machines', '--server', api.url.replace('https', 'http')]);
  t.regex(plain.stderr, /^rackseed: can't ask the service at http:/);
});

const FAILURES: readonly [code: string, expected: RegExp][] = [
  ['ECONNREFUSED', /\(ECONNREFUSED\): is it running\? Start it with "rackseed serve"$/],
  ['EACCES', /only its owner may open this socket/],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', /certificate isn't trusted/],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /certificate isn't trusted/],
  ['ERR_TLS_CERT_ALTNAME_INVALID', /certificate isn't trusted/],
  ['CERT_HAS_EXPIRED', /certificate isn't trusted/],
  ['EPROTO', /try http:\/\//],
  ['HPE_INVALID_CONSTANT', /isn't HTTP/],
  ['ENOTFOUND', /name of the host isn't known/],
];

for (const [code, expected] of FAILURES) {
  test(`a connection that fails with ${code} says what to do`, (t) => {
    const error = Object.assign(new Error('failed'), { code });
    t.regex(explainConnection(remoteEndpoint('https://rack:9080'), error), expected);
  });
}

test('what answers in another language is told so', async (t) => {
  const server = createServer((socket) => socket.end('SSH-2.0-x\r\n')).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await t.throwsAsync(new ApiClient(remoteEndpoint(`http://127.0.0.1:${port}`)).machines(), {
    message: /what answers there isn't HTTP$/,
  });
  const api = await adminApiFor(t, { answers: { 'GET /v1/machines': { other: true } } });
  t.deepEqual(await api.client.machines(), []);
});

test('an answer without a token, with a wrong one, and with too small a role each say what to do', async (t) => {
  const { url } = await adminApiFor(t, { machines: [shownMachine(1)], tokens: { rs_good: 'read' } });
  const server = ['--server', url];
  const none = await rackseed(['machines', ...server]);
  t.is(none.code, 1);
  t.regex(
    none.stderr,
    /wants an API token\. Make one on its host with "rackseed token create .* RACKSEED_TOKEN\n$/,
  );
  const wrong = await rackseed(['machines', ...server], { RACKSEED_TOKEN: 'rs_bad' });
  t.regex(wrong.stderr, /does not know this API token: it may be revoked/);
  const env = { RACKSEED_TOKEN: 'rs_good', RACKSEED_SERVER: url };
  t.regex((await rackseed(['machines'], env)).stdout, /worker-01/);
  const small = await rackseed(['approve', MAC], env);
  t.regex(
    small.stderr,
    /^rackseed: not allowed; use a token that may do it, made by an admin with .* --role operator"\n$/,
  );
  for (const { stderr } of [none, wrong, small]) t.notRegex(stderr, /rs_/);
});

test('a refusal is told in the words of the API, made harmless', async (t) => {
  const answers = { [`POST /v1/machines/${MAC}/rename`]: refusal(409, 'worker-02 is \x1b[2Jtaken') };
  const { url } = await adminApiFor(t, { machines: [shownMachine(1)], answers });
  const { code, stderr, stdout } = await rackseed(['rename', MAC, 'worker-02', '--server', url]);
  t.deepEqual([code, stderr, stdout], [1, 'rackseed: worker-02 is \\x1b[2Jtaken\n', '']);
});

const WRONG: readonly [args: readonly string[], complaint: RegExp][] = [
  [['wait'], /required option '--ready <n>' not specified/],
  [['wait', '--ready', '0'], /must be a whole number from 1 on/],
  [['wait', '--ready', '1', '--timeout', 'soon'], /must be a duration/],
  [['wait', '--ready', '1', '--state', 'happy'], /Allowed choices are up, registered, ready/],
  [['machines', '--state', 'stuk'], /There is no state stuk, did you mean stuck\?/],
  [['events'], /say --follow for what happens, or --since ID/],
  [['rename', MAC], /say either a name or --none/],
  [['assign', MAC, 'worker', '--none'], /say either a profile or --none/],
  [['label', MAC, 'rack'], /KEY=VALUE sets one, KEY- takes it away/],
  [['approve', MAC, '52:54:00:00:00:02', '--hostname', 'x'], /--hostname is for one machine/],
  [['aprove', MAC], /unknown command 'aprove'/],
];

test('a command that is called wrongly says so and ends with status 2', async (t) => {
  for (const [args, complaint] of WRONG) {
    const { code, stderr, stdout } = await rackseed([...args, '--server', 'http://127.0.0.1:1']);
    t.is(code, 2, args.join(' '));
    t.regex(stderr, complaint);
    t.is(stdout, '');
  }
});

test('wait ends with 0, 1 or 2 for scripts', async (t) => {
  const { url } = await adminApiFor(t, { machines: [shownMachine(1)] });
  const wait = (...args: string[]) => rackseed(['wait', '--server', url, ...args]);
  const [there, late] = await Promise.all([
    wait('--ready', '1', '--state', 'up'),
    wait('--ready', '2', '--timeout', '1s'),
  ]);
  t.is(there.code, 0);
  t.regex(there.stdout, /^1 machine is up after/);
  t.is(late.code, 1);
  t.regex(late.stderr, /not in time: \d of 2 ready after 1\.0 s/);
});

test('the help names every command in its group', async (t) => {
  const { stdout, code } = await rackseed(['--help']);
  t.is(code, 0);
  t.regex(stdout, /^Machines, by asking a service that runs:\n {2}machines /m);
  t.regex(stdout, /^What happens, by asking a service that runs:\n {2}events /m);
  t.notRegex(stdout, /^Commands:/m);
});

test('a reader that has seen enough ends the command quietly', async (t) => {
  const changes = Array.from({ length: 20_000 }, (_, id) => ({
    id,
    at: AT,
    action: 'approve',
    by: 'ci',
    detail: 'x',
  }));
  const { url } = await adminApiFor(t, { answers: { 'GET /v1/changes': { changes } } });
  const command = [...PROGRAM, 'changes', '--server', url];
  const { code, stdout, stderr } = await run([
    'bash',
    '-c',
    'set -o pipefail; "$@" | head -1',
    'bash',
    ...command,
  ]);
  t.deepEqual([code, stderr], [0, '']);
  t.regex(stdout, /^TIME/);
});

test('a service that runs is asked although a profile has a mistake', async (t) => {
  const folder = await folderFor(t);
  const path = join(folder, 'admin.sock');
  await adminApiFor(t, { machines: [shownMachine(1)], path });
  await mkdir(join(folder, 'profiles'));
  await writeFile(join(folder, 'rackseed.yaml'), `admin: { listen: "unix:${path}" }\nnetworks: 7\n`);
  await writeFile(join(folder, 'profiles/worker.yaml'), 'bot: {}\n');
  const { stdout, stderr } = await rackseed(['machines', '--config', folder]);
  t.regex(stdout, /worker-01/, stderr);
  await writeFile(join(folder, 'rackseed.yaml'), 'admin: { listen: nowhere }\n');
  const broken = await rackseed(['machines', '--config', folder]);
  t.regex(broken.stderr, /rackseed\.yaml:1: admin\.listen/);
});
