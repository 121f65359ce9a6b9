import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, readlink, rename, symlink, truncate, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { type Changes, createTestApp } from '../support/provisioning.ts';

const MIB = 1 << 20;
const run = promisify(execFile);

/** Runs curl quietly; gives what it wrote to its standard output. */
async function curl(...args: string[]): Promise<string> {
  return (await run('curl', ['--silent', '--show-error', ...args], { encoding: 'latin1' })).stdout;
}

/** A server with an asset `image` of random bytes; `memory` 0 makes it serve from disk. */
async function serve(t: ExecutionContext, size: number, changes: Changes = {}) {
  const server = await createTestApp(t, { memory: 256 * MIB, ...changes });
  const bytes = randomBytes(size);
  await writeFile(join(server.folder, 'image'), bytes);
  const url = await server.listen();
  return { ...server, bytes, url, port: Number(new URL(url).port) };
}

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const download = async (url: string) => Buffer.from(await (await fetch(url)).arrayBuffer());

for (const [source, memory] of [
  ['memory', 256 * MIB],
  ['disk', 0],
] as const) {
  test.serial(`curl gets a file from ${source} byte for byte, with all of its headers`, async (t) => {
    const { url, bytes, folder, event } = await serve(t, 11 * MIB + 7, { memory });
    const file = join(folder, 'downloaded');
    const headers = await curl('--output', file, '--dump-header', '-', `${url}/assets/image`);
    t.is(digest(await readFile(file)), digest(bytes));
    t.regex(headers, /^HTTP\/1\.1 200 OK\r\n/);
    t.regex(headers, new RegExp(`\r\ncontent-length: ${bytes.length}\r\n`));
    t.regex(headers, /\r\ncontent-type: application\/octet-stream\r\n/);
    t.regex(headers, /\r\netag: "[a-z0-9-]+"\r\n/);
    t.regex(headers, /\r\nlast-modified: \w{3}, /);
    t.regex(headers, /\r\naccept-ranges: bytes\r\n/);
    t.like(await event('asset'), {
      address: '127.0.0.1',
      path: '/assets/image',
      bytes: bytes.length,
      size: bytes.length,
      complete: true,
      source,
    });
  });

  test.serial(`curl resumes and reads parts from ${source}`, async (t) => {
    const { url, bytes } = await serve(t, 6 * MIB, { memory });
    const part = async (range: string) =>
      Buffer.from(await curl('--range', range, `${url}/assets/image`), 'latin1');
    await download(`${url}/assets/image`);
    t.deepEqual(await part('0-0'), bytes.subarray(0, 1));
    t.deepEqual(await part('4194300-4194310'), bytes.subarray(4_194_300, 4_194_311));
    t.deepEqual(await part('-5'), bytes.subarray(-5));
    t.is(digest(await part(`${5 * MIB}-`)), digest(bytes.subarray(5 * MIB)));
    const headers = await curl(
      '--range',
      '10-19',
      '--dump-header',
      '-',
      '--output',
      '/dev/null',
      `${url}/assets/image`,
    );
    t.regex(headers, /^HTTP\/1\.1 206 Partial Content\r\n/);
    t.regex(headers, /\r\ncontent-range: bytes 10-19\/6291456\r\n/);
    t.regex(headers, /\r\ncontent-length: 10\r\n/);
    const outside = await curl('--range', '6291456-', '--include', `${url}/assets/image`);
    t.regex(outside, /^HTTP\/1\.1 416 Range Not Satisfiable\r\n/);
    t.regex(outside, /\r\ncontent-range: bytes \*\/6291456\r\n/);
  });

  test.serial(`a client that goes away in the middle leaves nothing open (${source})`, async (t) => {
    const { port, cache, event, folder } = await serve(t, 48 * MIB, { memory });
    const socket = await ask(port, '/assets/image');
    await once(socket, 'data');
    socket.destroy();
    const { complete, bytes } = await event('asset');
    t.false(complete);
    t.true(bytes < 48 * MIB);
    await closed(join(folder, 'image'));
    t.true(cache.held === (memory && 48 * MIB));
  });

  test.serial(`a file replaced while it is sent from ${source} is sent to its end as it was`, async (t) => {
    const { port, url, bytes, folder } = await serve(t, 48 * MIB, { memory });
    const socket = await ask(port, '/assets/image');
    const [first] = await once(socket, 'data');
    socket.pause();
    await writeFile(join(folder, 'new'), 'new bytes');
    await rename(join(folder, 'new'), join(folder, 'image'));
    t.is(await curl(`${url}/assets/image`), 'new bytes');
    const rest = await socket.toArray();
    t.is(digest(bodyOf([first, ...rest])), digest(bytes));
  });

  test.serial(
    `twenty clients that read nothing are cut off in the end, and cost little memory (${source})`,
    async (t) => {
      const { port, event } = await serve(t, 64 * MIB, { memory, stallTimeout: 1000 });
      const before = process.memoryUsage().arrayBuffers;
      const sockets = await Promise.all(Array.from({ length: 20 }, () => ask(port, '/assets/image')));
      t.teardown(() => sockets.map((socket) => socket.destroy()));
      let most = 0;
      const sampling = setInterval(() => {
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      }, 20);
      const last = await event('asset', 20);
      clearInterval(sampling);
      t.false(last.complete);
      t.true(last.milliseconds >= 900, 'only after the time-out');
      // In memory: the file, once. From disk: two buffers of 512 KiB for each client whose turn it is, and what is let go meanwhile.
      t.true(most < (memory ? 70 : 25) * MIB, `${most / MIB} MiB`);
    },
  );
}

test.serial('a hundred clients at once make the server read a file once', async (t) => {
  const { url } = await serve(t, 8 * MIB);
  const before = await bytesRead();
  const sizes = await curl(
    '--parallel',
    '--parallel-immediate',
    '--parallel-max',
    '100',
    '--output',
    '/dev/null',
    '--write-out',
    '%{http_code} %{size_download}\\n',
    `${url}/assets/image?[1-100]`,
  );
  t.is(sizes, `200 ${8 * MIB}\n`.repeat(100));
  const read = (await bytesRead()) - before;
  t.true(read >= 8 * MIB && read < 12 * MIB, `${read / MIB} MiB read`);
});

for (const [source, memory] of [
  ['memory', 256 * MIB],
  ['disk', 0],
] as const) {
  test.serial(
    `whose turn it isn't gets a few bytes now and then, and all when it comes (${source})`,
    async (t) => {
      const { port, bytes, event } = await serve(t, 32 * MIB + 7, { memory });
      // So many large files go to one address at one time. These take nothing, so their turn doesn't end.
      const front = await Promise.all(Array.from({ length: 8 }, () => ask(port, '/assets/image')));
      t.teardown(() => front.map((socket) => socket.destroy()));
      await Promise.all(front.map((socket) => once(socket, 'readable')));

      const socket = await ask(port, '/assets/image');
      const received: Buffer[] = [];
      while (bodyOf(received).length < 128) received.push(...(await once(socket, 'data')));
      t.regex(`${received[0]}`, /^HTTP\/1\.1 200 OK\r\n/);
      t.deepEqual(bodyOf(received), bytes.subarray(0, 128));

      front[3]?.destroy();
      received.push(...(await socket.toArray()));
      t.is(digest(bodyOf(received)), digest(bytes));
      t.like(await event('asset', 2), { complete: true, bytes: bytes.length, source });
    },
  );
}

test.serial('small files wait for nobody', async (t) => {
  const { port, url, folder } = await serve(t, 32 * MIB);
  await writeFile(join(folder, 'small'), 'small');
  const front = await Promise.all(Array.from({ length: 20 }, () => ask(port, '/assets/image')));
  t.teardown(() => front.map((socket) => socket.destroy()));
  t.is(await curl(`${url}/assets/small`), 'small');
});

test.serial('HEAD tells everything about a file, and doesn’t load it', async (t) => {
  const { url, cache, events } = await serve(t, MIB);
  const answer = await curl('--head', `${url}/assets/image`);
  t.regex(answer, /^HTTP\/1\.1 200 OK\r\n/);
  t.regex(answer, /\r\ncontent-length: 1048576\r\n/);
  t.is(cache.held, 0);
  t.deepEqual(events, []);
});

test.serial('a client that has the file gets 304, until the file changes', async (t) => {
  const { url, folder } = await serve(t, 10);
  const etag = String((await fetch(`${url}/assets/image`)).headers.get('etag'));
  const again = () => fetch(`${url}/assets/image`, { headers: { 'if-none-match': etag } });
  t.is((await again()).status, 304);
  await writeFile(join(folder, 'image'), 'other');
  const changed = await again();
  t.is(changed.status, 200);
  t.is(await changed.text(), 'other');
});

test.serial('one connection carries one request after the other', async (t) => {
  const { url } = await serve(t, 5 * MIB);
  const connects = await curl(
    ...[
      '--output',
      '/dev/null',
      '--output',
      '/dev/null',
      '--output',
      '/dev/null',
      '--write-out',
      '%{num_connects}',
    ],
    ...[`${url}/assets/image`, `${url}/boot.ipxe`, `${url}/assets/none`],
  );
  t.is(connects, '100');
});

test.serial('an empty file is served', async (t) => {
  const { url, folder } = await serve(t, 10);
  await writeFile(join(folder, 'empty'), '');
  t.regex(await curl('--include', `${url}/assets/empty`), /^HTTP\/1\.1 200 OK\r\n.*content-length: 0\r\n/s);
});

test.serial('no spelling of a path leads out of the folder', async (t) => {
  const { url, folder } = await serve(t, 10);
  await mkdir(join(folder, 'sub'));
  const hostile = [
    '/assets/../config/rackseed.yaml',
    '/assets/sub/../../config/rackseed.yaml',
    '/assets/%2e%2e/config/rackseed.yaml',
    '/assets/.%2e/config/rackseed.yaml',
    '/assets/..%2fconfig/rackseed.yaml',
    '/assets/%2e%2e%2fconfig%2frackseed.yaml',
    '/assets/%252e%252e%252fconfig/rackseed.yaml',
    '/assets/%252e%252e/config/rackseed.yaml',
    '/assets/..\\config\\rackseed.yaml',
    '/assets/..%5cconfig%5crackseed.yaml',
    '/assets/%c0%ae%c0%ae/config/rackseed.yaml',
    '/assets/%c0%ae%c0%ae%c0%afconfig',
    '/assets/%e0%80%ae%e0%80%ae/config/rackseed.yaml',
    '/assets/image%00.txt',
    '/assets/image%0a',
    '/assets//etc/passwd',
    '/assets/%2fetc%2fpasswd',
    '/assets/./image',
    '/assets/.hidden',
    '/assets/sub/',
    '/assets/sub',
    '/assets/',
    '/assets/%',
    '/assets/%u002e%u002e/x',
    '/assets/..;/config/rackseed.yaml',
    '/%61ssets/../config/rackseed.yaml',
    '/assets%2f..%2fconfig%2frackseed.yaml',
    '/firmware/../../../../etc/passwd',
    '/firmware/..%2f..%2fetc%2fpasswd',
    '/firmware/%2e%2e',
  ];
  for (const path of hostile) {
    const status = await curl(
      '--path-as-is',
      '--output',
      '/dev/null',
      '--write-out',
      '%{http_code}',
      url + path,
    );
    t.regex(status, /^40[04]$/, path);
  }
});

test.serial('a symbolic link counts only when it ends inside the folder', async (t) => {
  const { url, folder } = await serve(t, 10);
  await symlink('image', join(folder, 'inside'));
  await symlink('/etc/hostname', join(folder, 'outside'));
  await symlink('/etc', join(folder, 'etc'));
  await symlink('loop', join(folder, 'loop'));
  t.is((await download(`${url}/assets/inside`)).length, 10);
  for (const path of ['outside', 'etc/hostname', 'loop']) {
    t.is((await fetch(`${url}/assets/${path}`)).status, 404, path);
  }
});

test.serial('loaders are served to UEFI HTTP Boot wherever the distribution keeps them', async (t) => {
  const { url, folder } = await serve(t, 10);
  await mkdir(join(folder, 'loaders'));
  await symlink('../image', join(folder, 'loaders', 'snponly.efi'));
  const answer = await fetch(`${url}/firmware/snponly.efi`);
  t.is(answer.status, 200);
  t.is(answer.headers.get('content-type'), 'application/efi');
  t.is((await answer.arrayBuffer()).byteLength, 10);
});

test.serial('a file cut short while it is sent breaks the connection instead of completing', async (t) => {
  const { port, folder, event } = await serve(t, 48 * MIB, { memory: 0 });
  const socket = await ask(port, '/assets/image');
  await once(socket, 'data');
  socket.pause();
  await truncate(join(folder, 'image'), MIB);
  socket.resume();
  await once(socket, 'close');
  t.false((await event('asset')).complete);
});

test.serial('bytes that are no request are answered with 400 and a line of text', async (t) => {
  const { port } = await serve(t, 10);
  const socket = connect(port, '127.0.0.1');
  socket.end('nonsense\r\n\r\n');
  const answer = Buffer.concat(await socket.toArray()).toString();
  t.regex(answer, /^HTTP\/1\.1 400 Bad Request\r\n.*\r\n\r\nthis is not an HTTP request\n$/s);
});

test.serial('headers beyond 8 KiB are answered with 431 and a line of text', async (t) => {
  const { url } = await serve(t, 10);
  const answer = await curl('--include', '--header', `x: ${'x'.repeat(10_000)}`, `${url}/`);
  t.regex(answer, /^HTTP\/1\.1 431 .*\r\n\r\nthe request's headers are larger than 8192 bytes\n$/s);
});

/** Connects and asks for a path; reads nothing yet. */
async function ask(port: number, path: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
  return socket;
}

function bodyOf(chunks: readonly Buffer[]): Buffer {
  const answer = Buffer.concat(chunks);
  return answer.subarray(answer.indexOf('\r\n\r\n') + 4);
}

/** Waits until this process has the file open no more. */
async function closed(path: string): Promise<void> {
  while ((await openFiles()).includes(path)) await setImmediate();
}

async function openFiles(): Promise<string[]> {
  const names = await readdir('/proc/self/fd');
  return Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
}

/** Bytes this process has read so far, from files and sockets (proc(5), /proc/pid/io). */
async function bytesRead(): Promise<number> {
  return Number(/^rchar: (\d+)$/m.exec(await readFile('/proc/self/io', 'utf8'))?.[1]);
}
