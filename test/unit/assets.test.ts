import { mkdtemp, readdir, readlink, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { parseAssetPath } from '../../src/http/asset-path.ts';
import { type ConditionalHeaders, type Selection, selectBytes } from '../../src/http/conditional.ts';
import { FileCache } from '../../src/http/file-cache.ts';
import { readSlices } from '../../src/http/file-reader.ts';
import { FileChangedError, findFile, type ServedFile } from '../../src/http/served-file.ts';

const MIB = 1 << 20;

test('a path below the folder is decoded once', (t) => {
  const table: [string, string][] = [
    ['a.txt', 'a.txt'],
    ['flatcar/4593.2.5/vmlinuz', 'flatcar/4593.2.5/vmlinuz'],
    ['my%20image/a%23b', 'my image/a#b'],
    ['%252e%252e%252fx', '%2e%2e%2fx'],
    ['a..b/c..', 'a..b/c..'],
    ['Z%C3%BCrich', 'Zürich'],
  ];
  for (const [encoded, path] of table) t.deepEqual(parseAssetPath(encoded), { ok: true, path }, encoded);
});

test('a path that could leave the folder is refused in every encoding', (t) => {
  const table = [
    '../config/rackseed.yaml',
    'a/../../config/rackseed.yaml',
    'a/..',
    '%2e%2e/x',
    '%2E./x',
    '.%2e/x',
    '..%2fx',
    '..%2Fx',
    '%2e%2e%2fx',
    '..%5cx',
    '..\\x',
    'a%00.txt',
    'a\0',
    'a%0ab',
    '%c0%ae%c0%ae/x',
    '%e0%80%ae/x',
    '%',
    '%zz',
  ];
  for (const encoded of table) t.like(parseAssetPath(encoded), { ok: false, status: 400 }, encoded);
});

test('hidden, empty and rooted names lead to nothing', (t) => {
  for (const encoded of ['', '/', 'a/', '/etc/passwd', 'a//b', '.git/config', 'a/.hidden', '.', './a']) {
    t.like(parseAssetPath(encoded), { ok: false, status: 404 }, encoded);
  }
});

const MODIFIED = new Date('2026-01-02T03:04:05.678Z');
const DATE = 'Fri, 02 Jan 2026 03:04:05 GMT';
const FILE = { etag: '"a-b-c"', modified: MODIFIED, size: 1000 };
const WHOLE: Selection = { status: 200, start: 0, end: 1000 };

const SELECTIONS: [string, ConditionalHeaders, Selection][] = [
  ['no header', {}, WHOLE],
  ['a range', { range: 'bytes=10-19' }, { status: 206, start: 10, end: 20 }],
  ['an open range', { range: 'bytes=10-' }, { status: 206, start: 10, end: 1000 }],
  ['the last bytes', { range: 'bytes=-10' }, { status: 206, start: 990, end: 1000 }],
  ['more last bytes than there are', { range: 'bytes=-5000' }, { status: 206, start: 0, end: 1000 }],
  ['a range that ends behind the file', { range: 'bytes=990-5000' }, { status: 206, start: 990, end: 1000 }],
  ['a range behind the file', { range: 'bytes=1000-' }, { status: 416 }],
  ['no last bytes', { range: 'bytes=-0' }, { status: 416 }],
  ['a backward range', { range: 'bytes=20-10' }, { status: 416 }],
  ['several ranges', { range: 'bytes=0-1,5-6' }, WHOLE],
  ['another unit', { range: 'lines=5-6' }, WHOLE],
  ['another unit, outside', { range: 'lines=5000-6000' }, WHOLE],
  ['a malformed range', { range: 'bytes=x' }, WHOLE],
  ['the same tag', { 'if-none-match': '"a-b-c"' }, { status: 304 }],
  ['the same tag, weak', { 'if-none-match': 'W/"a-b-c"' }, { status: 304 }],
  ['the same tag among others', { 'if-none-match': '"x", "a-b-c"' }, { status: 304 }],
  ['any tag', { 'if-none-match': '*' }, { status: 304 }],
  ['another tag', { 'if-none-match': '"x"' }, WHOLE],
  ['another tag and the same date', { 'if-none-match': '"x"', 'if-modified-since': DATE }, WHOLE],
  ['the same date', { 'if-modified-since': DATE }, { status: 304 }],
  ['an older date', { 'if-modified-since': 'Thu, 01 Jan 2026 00:00:00 GMT' }, WHOLE],
  ['a malformed date', { 'if-modified-since': 'yesterday' }, WHOLE],
  [
    'a range of the same file',
    { range: 'bytes=0-9', 'if-range': '"a-b-c"' },
    { status: 206, start: 0, end: 10 },
  ],
  ['a range of the same date', { range: 'bytes=0-9', 'if-range': DATE }, { status: 206, start: 0, end: 10 }],
  ['a range of another file', { range: 'bytes=0-9', 'if-range': '"x"' }, WHOLE],
  ['a range of a weak tag', { range: 'bytes=0-9', 'if-range': 'W/"a-b-c"' }, WHOLE],
];

for (const [name, headers, selection] of SELECTIONS) {
  test(`asked with ${name}, a file of 1000 bytes answers ${JSON.stringify(selection)}`, (t) => {
    t.deepEqual(selectBytes('GET', headers, FILE), selection);
  });
}

test('a range means nothing to HEAD', (t) => {
  t.deepEqual(selectBytes('HEAD', { range: 'bytes=0-1' }, FILE), WHOLE);
});

test('no range of an empty file can be given', (t) => {
  t.deepEqual(selectBytes('GET', { range: 'bytes=0-' }, { ...FILE, size: 0 }), { status: 416 });
});

test('a few bytes of a file in memory are to be had without holding it', async (t) => {
  const { cache, file } = await setUp(t, { size: 2 * MIB });
  t.is(cache.peek(file, 0, 64), undefined, 'it is not in memory');
  const copy = cache.acquire(file, 0);
  t.is(cache.peek(file, 0, 64), undefined, 'nothing of it has been read');
  const slices = copy?.slices(0, file.size);
  const slice = (await slices?.next())?.value;
  t.deepEqual(cache.peek(file, 64, 128), slice?.subarray(64, 128));
  t.is(cache.peek({ ...file, etag: '"another"' }, 0, 64), undefined, 'it has changed');
  copy?.release();
});

test('a file is loaded once for all who ask at the same time', async (t) => {
  const { cache, file } = await setUp(t, { size: 9 * MIB });
  const reading = Array.from({ length: 50 }, () => cache.acquire(file, 0));
  t.is(cache.held, 9 * MIB);
  for (const copy of reading) t.is(await lengthOf(copy?.slices(0, file.size)), 9 * MIB);
  for (const copy of reading) copy?.release();
  t.is(cache.held, 9 * MIB, 'and stays');
});

test('what has been read is given out while the rest is still being read', async (t) => {
  const { cache, file } = await setUp(t, { size: 64 * MIB });
  const slices = cache.acquire(file, 0)?.slices(0, file.size);
  t.is((await slices?.next())?.value?.length, 4 * MIB);
  t.is(cache.acquire(file, 32 * MIB), undefined, 'the middle is not there yet');
  t.is(await lengthOf(slices), 60 * MIB);
  const tail = cache.acquire(file, 63 * MIB);
  t.is(await lengthOf(tail?.slices(63 * MIB, 64 * MIB)), MIB);
});

test('a file larger than half of the budget is left on disk', async (t) => {
  const { cache, file } = await setUp(t, { size: 2 * MIB, budget: 4 * MIB - 1 });
  t.is(cache.acquire(file, 0), undefined);
});

test('asking for the middle of a file doesn’t load it', async (t) => {
  const { cache, file } = await setUp(t, { size: 2 * MIB });
  t.is(cache.acquire(file, 1), undefined);
  t.is(cache.held, 0);
});

test('the file not asked for longest makes room', async (t) => {
  const { cache, add } = await setUp(t, { size: 0, budget: 5 * MIB });
  const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => add(name, 2 * MIB)));
  if (!a || !b || !c) return t.fail();
  await readThrough(cache, a);
  await readThrough(cache, b);
  await readThrough(cache, a);
  await readThrough(cache, c);
  t.is(cache.held, 4 * MIB);
  t.not(cache.acquire(a, MIB), undefined, 'a was asked for later than b');
  t.is(cache.acquire(b, MIB), undefined, 'b has gone');
});

test('files being served are not given up, so the budget holds', async (t) => {
  const { cache, add } = await setUp(t, { size: 0, budget: 5 * MIB });
  const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => add(name, 2 * MIB)));
  if (!a || !b || !c) return t.fail();
  const held = [cache.acquire(a, 0), cache.acquire(b, 0)];
  t.is(cache.acquire(c, 0), undefined);
  for (const [index, file] of [a, b].entries()) await lengthOf(held[index]?.slices(0, file.size));
  await closed(b);
  held[1]?.release();
  t.not(cache.acquire(c, 0), undefined);
  t.is(cache.held, 4 * MIB);
});

test('a replaced file is loaded anew, and who was being served gets the old bytes to the end', async (t) => {
  const { cache, file, folder } = await setUp(t, { size: 0 });
  await writeFile(join(folder, 'x'), Buffer.alloc(6 * MIB, 'a'));
  const old = (await findFile(folder, 'x')) ?? file;
  const reader = cache.acquire(old, 0);
  const slices = reader?.slices(0, old.size);
  await slices?.next();
  await readThrough(cache, old);

  await writeFile(join(folder, 'y'), Buffer.alloc(3 * MIB, 'b'));
  await rename(join(folder, 'y'), join(folder, 'x'));
  const fresh = (await findFile(folder, 'x')) ?? file;
  const copy = cache.acquire(fresh, 0);
  t.is((await copy?.slices(0, 10).next())?.value?.toString(), 'bbbbbbbbbb');
  t.is((await slices?.next())?.value?.toString('latin1', 0, 3), 'aaa');
  t.is(cache.held, 9 * MIB, 'both versions count');
  reader?.release();
  t.is(cache.held, 3 * MIB);
});

test('a file written to while it loads is never given out whole, and not kept', async (t) => {
  const { cache, file } = await setUp(t, { size: 64 * MIB });
  const reader = cache.acquire(file, 0);
  const slices = reader?.slices(0, file.size);
  await slices?.next();
  await truncate(file.path, 32 * MIB);
  await t.throwsAsync(lengthOf(slices));
  reader?.release();
  t.is(cache.held, 0);
});

test('a file replaced between look-up and opening is not given out', async (t) => {
  const { cache, file } = await setUp(t, { size: MIB });
  await writeFile(file.path, 'other');
  await t.throwsAsync(lengthOf(readSlices(file, 0, file.size)), { instanceOf: FileChangedError });
  const copy = cache.acquire(file, 0);
  await t.throwsAsync(lengthOf(copy?.slices(0, file.size)), { instanceOf: FileChangedError });
  copy?.release();
  t.is(cache.held, 0);
});

test('reading from disk closes the file wherever the reader stops', async (t) => {
  const { file } = await setUp(t, { size: 5 * MIB });
  for await (const slice of readSlices(file, MIB / 2, file.size)) {
    t.is(slice.length, MIB / 4);
    t.is(await openTimes(file), 1);
    break;
  }
  t.is(await openTimes(file), 0);
  t.is(await lengthOf(readSlices(file, 1, file.size)), 5 * MIB - 1);
  t.is(await openTimes(file), 0);
});

async function setUp(t: ExecutionContext, { size, budget = 256 * MIB }: { size: number; budget?: number }) {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-cache-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const add = async (name: string, length: number): Promise<ServedFile> => {
    await writeFile(join(folder, name), '');
    await truncate(join(folder, name), length);
    const file = await findFile(folder, name);
    if (!file) throw new Error(`${name} was not made`);
    return file;
  };
  return { folder, add, file: await add('file', size), cache: new FileCache(() => budget) };
}

async function lengthOf(slices: AsyncIterable<Buffer> | undefined): Promise<number> {
  let length = 0;
  for await (const slice of slices ?? []) length += slice.length;
  return length;
}

async function readThrough(cache: FileCache, file: ServedFile): Promise<void> {
  const copy = cache.acquire(file, 0);
  await lengthOf(copy?.slices(0, file.size));
  copy?.release();
  await closed(file);
}

/** Waits until nobody has the file open: its loader counts as a user until then. */
async function closed(file: ServedFile): Promise<void> {
  while ((await openTimes(file)) > 0) await setImmediate();
}

async function openTimes(file: ServedFile): Promise<number> {
  const names = await readdir('/proc/self/fd');
  const targets = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
  return targets.filter((target) => target === file.path).length;
}
