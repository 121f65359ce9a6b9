import { X509Certificate } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { request as requestTls } from 'node:https';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { followAdminTls, readAdminTls } from '../../src/http/admin-tls.ts';
import { listenAdmin } from '../../src/http/listen-admin.ts';
import { createTestAdmin } from '../support/admin.ts';
import { writeCertificate } from '../support/certificate.ts';

const both = (listen: Parameters<typeof listenAdmin>[1]['listen']) => ({ listen, local: listen });

test('a unix socket can be opened by its owner only, is this host itself, and is gone after closing', async (t) => {
  const path = join(await folderFor(t), 'admin.sock');
  const { app } = await createTestAdmin(t);
  t.is(await listenAdmin(app, both({ path })), `unix:${path}`);
  t.is((await stat(path)).mode & 0o777, 0o600);
  t.deepEqual(JSON.parse(await ask({ socketPath: path, path: '/v1/me' })), { name: 'local', role: 'admin' });
  await app.close();
  await t.throwsAsync(stat(path), { code: 'ENOENT' });
});

test('the socket of a dead process is replaced', async (t) => {
  const path = join(await folderFor(t), 'admin.sock');
  const other = createServer().listen(`${path}.old`);
  await once(other, 'listening');
  await rename(`${path}.old`, path);
  other.close();
  await once(other, 'close');
  const { app } = await createTestAdmin(t);
  t.is(await listenAdmin(app, both({ path })), `unix:${path}`);
});

test('the socket of a living process, or another file, is left alone', async (t) => {
  const path = join(await folderFor(t), 'admin.sock');
  const other = createServer().listen(path);
  t.teardown(() => other.close());
  await once(other, 'listening');
  const { app } = await createTestAdmin(t);
  await t.throwsAsync(listenAdmin(app, both({ path })), {
    message: /another process listens on .*is rackseed running\?/,
  });
  await writeFile(`${path}.txt`, 'mine');
  await t.throwsAsync(listenAdmin(app, both({ path: `${path}.txt` })), {
    message: /exists and is not a socket/,
  });
});

test('on loopback TCP no token is needed', async (t) => {
  const { app } = await createTestAdmin(t);
  const url = await listenAdmin(app, both({ host: '127.0.0.1', port: 0 }));
  t.is((await fetch(`${url}/v1/me`)).status, 200);
});

test('with TLS, commands on this host have a unix socket of their own', async (t) => {
  const folder = await folderFor(t);
  const path = join(folder, 'admin.sock');
  const files = await writeCertificate(folder, '127.0.0.1');
  const tls = await readAdminTls(files);
  const { app } = await createTestAdmin(t, { tls });
  const url = await listenAdmin(app, { listen: { host: '127.0.0.1', port: 0 }, local: { path } });
  t.regex(url, /^https:/);
  t.is((await stat(path)).mode & 0o777, 0o600);
  const options = { host: '127.0.0.1', port: Number(new URL(url).port), ca: tls.certificate };
  const asked = requestTls({ ...options, path: '/v1/me' }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  t.is(response.statusCode, 200);
  response.resume();
  t.deepEqual(JSON.parse(await ask({ socketPath: path, path: '/v1/me' })), { name: 'local', role: 'admin' });
  await app.close();
  await t.throwsAsync(stat(path), { code: 'ENOENT' });
});

test('files that are no certificate and its key are refused with their names', async (t) => {
  const folder = await folderFor(t);
  const { certificate, key } = await writeCertificate(folder, '127.0.0.1');
  const empty = join(folder, 'admin.crt.empty');
  await writeFile(empty, '');
  const other = await folderFor(t);
  const { key: another } = await writeCertificate(other, '127.0.0.1');
  for (const files of [
    { certificate, key: certificate },
    { certificate, key: join(folder, 'none') },
    { certificate, key: another },
    { certificate, key: empty },
    { certificate: empty, key },
  ]) {
    await t.throwsAsync(readAdminTls(files), { message: /^admin\.tls: .*admin\.crt.* and .* are not/ });
  }
});

test('a renewed certificate is in use without a restart, and a bad one leaves the one before', async (t) => {
  const folder = await folderFor(t);
  const files = await writeCertificate(folder, '127.0.0.1');
  const tls = await readAdminTls(files);
  const { app } = await createTestAdmin(t, { tls });
  const errors: string[] = [];
  const happened = new EventEmitter();
  followAdminTls(app, files, tls, {
    interval: 20,
    onRenewed: () => happened.emit('renewed'),
    onError: ({ message }) => {
      errors.push(message);
      happened.emit('error-told');
    },
  });
  const url = await listenAdmin(app, both({ host: '127.0.0.1', port: 0 }));
  const shown = async () => {
    const socket = connectTls({
      port: Number(new URL(url).port),
      host: '127.0.0.1',
      rejectUnauthorized: false,
    });
    await once(socket, 'secureConnect');
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  };
  const before = await shown();
  t.is(before, new X509Certificate(tls.certificate).fingerprint256);

  const told = once(happened, 'error-told');
  await writeFile(files.key, 'half a key');
  await told;
  t.is(await shown(), before);
  t.regex(errors[0] as string, /^admin\.tls: .* are not a certificate and its key: .*stays in use$/);

  const renewed = once(happened, 'renewed');
  await writeCertificate(folder, '127.0.0.1');
  await renewed;
  t.not(await shown(), before);
});

test('bytes that are no HTTP, and headers without an end, get a problem document', async (t) => {
  const { listen } = await createTestAdmin(t);
  const port = Number(new URL(await listen()).port);
  for (const [bytes, status] of [
    ['hello\r\n\r\n', 400],
    [`GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['GET /v1/me HTTP/1.1\r\n\r\n', 400],
  ] as const) {
    const socket = connect(port, '127.0.0.1');
    socket.end(bytes);
    let answer = '';
    for await (const chunk of socket.setEncoding('utf8')) answer += chunk;
    t.regex(answer, new RegExp(`^HTTP/1.1 ${status} `));
    if (status !== 400 || bytes.startsWith('hello')) t.regex(answer, /application\/problem\+json/);
  }
});

test('a connection that was reset is not mistaken for one from this host', async (t) => {
  const { app } = await createTestAdmin(t);
  const names: (string | undefined)[] = [];
  app.server.prependListener('request', (message) => {
    // What the kernel says of a peer that has gone.
    Object.defineProperty(message.socket, 'remoteAddress', { value: undefined });
  });
  app.addHook('onResponse', async (incoming) => {
    names.push(incoming.caller?.name);
  });
  const url = await listenAdmin(app, both({ host: '127.0.0.1', port: 0 }));
  t.is((await fetch(`${url}/v1/me`)).status, 401);
  t.deepEqual(names, [undefined]);
});

async function folderFor(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-admin-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

async function ask(options: { readonly socketPath: string; readonly path: string }): Promise<string> {
  const asked = request({ ...options, headers: { host: 'localhost' } }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  let body = '';
  for await (const chunk of response.setEncoding('utf8')) body += chunk;
  return body;
}
