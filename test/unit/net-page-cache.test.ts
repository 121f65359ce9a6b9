import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { readCached } from '../../src/net/page-cache.ts';

const MIB = 1024 * 1024;

test('what the kernel holds of a file is read at once, from any position, and no byte more than there is', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-page-cache-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'file');
  const bytes = Buffer.from(Array.from({ length: 3 * MIB }, (_, index) => (index * 7) >> 8));
  await writeFile(path, bytes);
  await using file = await open(path);
  // Not every file system can tell what is in memory; then nothing is read, and nothing written to the target.
  const knows = readCached(file.fd, Buffer.alloc(1), 0) === 1;
  if (!knows) t.log('the file system of the temporary folder can’t tell what is in memory');
  for (const [position, length] of [
    [0, MIB],
    [1234, 2 * MIB],
    [3 * MIB - 10, 100],
    [3 * MIB, 100],
    [9 * MIB, 100],
  ] as const) {
    const target = Buffer.alloc(length, 0xee);
    const done = readCached(file.fd, target, position);
    const there = bytes.subarray(position, position + length);
    t.is(done, knows ? there.length : 0);
    t.deepEqual(target.subarray(0, done), there.subarray(0, done));
    t.true(
      target.subarray(done).every((byte) => byte === 0xee),
      'the rest of the target is as it was',
    );
  }
});

test('what can’t be read counts as nothing in memory', (t) => {
  t.is(readCached(-1, Buffer.alloc(10), 0), 0);
});
