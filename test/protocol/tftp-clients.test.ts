import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { fetchPlain, rawClient, serveFiles } from '../support/tftp.ts';

const run = promisify(execFile);
const MIB = 1 << 20;

const small = randomBytes(MIB);
const large = randomBytes(64 * MIB);
const text = Buffer.from('#!ipxe\necho one\recho two\r\n');
const files = { 'boot/small.img': small, 'large.img': large, 'script.ipxe': text };

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** The command line of one client that fetches `name` from loopback `port` into `out`. */
type Client = (port: number, name: string, out: string) => readonly string[];

const curl =
  (...options: string[]): Client =>
  (port, name, out) => ['curl', '-sS', ...options, '-o', out, `tftp://127.0.0.1:${port}/${name}`];
const atftp =
  (...options: string[]): Client =>
  (port, name, out) => [
    'atftp',
    ...options.flatMap((option) => ['--option', option]),
    ...['--get', '-r', name, '-l', out, '127.0.0.1', String(port)],
  ];
const tftpHpa =
  (mode: string): Client =>
  (port, name, out) => ['tftp', '-m', mode, '127.0.0.1', String(port), '-c', 'get', name, out];
const busybox =
  (...options: string[]): Client =>
  (port, name, out) => [
    'busybox',
    'tftp',
    ...options,
    '-g',
    '-r',
    name,
    '-l',
    out,
    '127.0.0.1',
    String(port),
  ];

/** Runs a client in a folder of its own and gives what it wrote. */
async function download(t: ExecutionContext, client: Client, port: number, name: string): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-tftp-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const out = join(folder, 'out');
  const [program = '', ...args] = client(port, name, out);
  await run(program, args, { cwd: folder, timeout: 120_000 });
  return readFile(out);
}

const clients: readonly (readonly [title: string, client: Client])[] = [
  ['curl', curl()],
  ['curl with blksize 1468', curl('--tftp-blksize', '1468')],
  ['curl with blksize 65464, granted smaller', curl('--tftp-blksize', '65464')],
  ['curl without options', curl('--tftp-no-options')],
  ['tftp-hpa', tftpHpa('binary')],
  ['busybox with blksize 1468', busybox('-b', '1468')],
  ['atftp with windowsize 16', atftp('windowsize 16', 'blksize 1468')],
  ['atftp with windowsize 16 and blocks of 512', atftp('windowsize 16')],
];

for (const singlePort of [false, true]) {
  const where = singlePort ? 'from a single port' : 'from a port of its own';
  for (const [title, client] of clients) {
    test(`${title} gets 1 MiB byte for byte ${where}`, async (t) => {
      const { port, waitFor } = await serveFiles(t, files, { singlePort });
      t.is(sha256(await download(t, client, port, 'boot/small.img')), sha256(small));
      const [done] = await waitFor('done');
      t.is(done?.bytes, MIB);
      t.is(done?.file, 'boot/small.img');
    });
  }
}

for (const [title, client] of [
  ['curl with blocks of 512, over the rollover at 65536', curl('--tftp-blksize', '512')],
  ['curl with blksize 1468', curl('--tftp-blksize', '1468')],
  ['tftp-hpa with blocks of 512, over the rollover at 65536', tftpHpa('binary')],
  ['atftp with windowsize 16 and blocks of 512, over the rollover', atftp('windowsize 16')],
  ['atftp with windowsize 16 and blksize 1468', atftp('windowsize 16', 'blksize 1468')],
] as const) {
  test.serial(`${title} gets 64 MiB byte for byte`, async (t) => {
    const { port } = await serveFiles(t, files);
    t.is(sha256(await download(t, client, port, 'large.img')), sha256(large));
  });
}

test.serial('a plain RFC 1350 client gets 64 MiB over the rollover', async (t) => {
  const { port } = await serveFiles(t, files);
  const client = await rawClient(t);
  t.is(sha256(await fetchPlain(client, port, 'large.img')), sha256(large));
});

test('tftp-hpa in netascii mode gets the text it would have on its own system', async (t) => {
  const { port, waitFor } = await serveFiles(t, files);
  t.deepEqual(await download(t, tftpHpa('netascii'), port, 'script.ipxe'), text);
  const [done] = await waitFor('done');
  t.is(done?.bytes, text.length + 4, 'three LF and CR are two bytes each on the wire');
});

/** The part of the tftp2 package used here; it has no types of its own. */
type Tftp2 = (
  host: string,
  port: number,
) => {
  read(name: string, push: (data: Buffer) => Promise<void>, done: () => void): Promise<void>;
  close(): void;
};

test('the tftp2 package, a plain RFC 1350 client, gets 1 MiB byte for byte', async (t) => {
  const { port } = await serveFiles(t, files);
  const tftp2: Tftp2 = createRequire(import.meta.url)('tftp2');
  const client = tftp2('127.0.0.1', port);
  t.teardown(() => client.close());
  const blocks: Buffer[] = [];
  await client.read(
    'boot/small.img',
    async (data) => void blocks.push(data),
    () => {},
  );
  t.is(sha256(Buffer.concat(blocks)), sha256(small));
});

test('clients show the reason when a file is missing', async (t) => {
  const { port } = await serveFiles(t, files);
  const failure = await t.throwsAsync(
    run('busybox', ['tftp', '-g', '-r', 'pxelinux.0', '-l', '-', '127.0.0.1', `${port}`]),
  );
  t.regex(String(failure), /no such file: pxelinux\.0/);
});

test('clients that upload are refused', async (t) => {
  const { port, waitFor } = await serveFiles(t, files);
  await t.throwsAsync(run('curl', ['-sS', '-T', '/etc/hostname', `tftp://127.0.0.1:${port}/x`]));
  const [refused] = await waitFor('refused');
  t.is(refused?.reason, 'write');
});
