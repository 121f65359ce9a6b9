import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { noteUse, pruneImages } from '../../src/lab/image-cache.ts';

const DAY = 86_400_000;
const NOW = Date.parse('2030-01-31T00:00:00Z');

test("the lab's images go when nobody has used them for two weeks, and with them what killed builds left", async (t) => {
  const cache = await mkdtemp(join(tmpdir(), 'rackseed-test-'));
  t.teardown(() => rm(cache, { recursive: true, force: true }));
  for (const [name, days] of [
    ['small-new', 0],
    ['small-recent', 13],
    ['small-old', 15],
    ['.building-killed', 15],
    ['.building-now', 0],
  ] as const) {
    await mkdir(join(cache, name));
    await writeFile(join(cache, name, 'initrd.img'), '');
    await writeFile(join(cache, `${name}.lock`), '');
    await noteUse(join(cache, name), NOW - days * DAY);
  }
  t.deepEqual((await pruneImages(cache, NOW)).sort(), ['.building-killed', 'small-old']);
  t.deepEqual((await readdir(cache)).filter((name) => !name.endsWith('.lock')).sort(), [
    '.building-now',
    'small-new',
    'small-recent',
  ]);
  t.false((await readdir(cache)).includes('small-old.lock'));
});
