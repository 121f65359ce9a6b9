import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openLmdbStore } from '../../src/store/lmdb.ts';
import type { Store } from '../../src/store/store.ts';

/** The ranges of a file on which this process has locks: first byte, last byte. */
async function locksOn(path: string): Promise<string[]> {
  const { ino } = await stat(path);
  const lines = (await readFile('/proc/locks', 'utf8')).split('\n').map((line) => line.trim().split(/\s+/));
  return lines
    .filter(([, , , , pid, file]) => Number(pid) === process.pid && file?.endsWith(`:${ino}`))
    .map(([, , , access, , , first, last]) => `${access} ${first} ${last}`);
}

test('a store that is open is in use to every other process, so that none makes its mutexes anew', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-store-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  for (const opening of ['a new one', 'one that was there']) {
    const store = openLmdbStore(folder, (error) => t.fail(error.message));
    t.true((await locksOn(join(folder, 'lock.mdb'))).includes('READ 0 0'), opening);
    await store.close();
  }
});

test('so is one whose file vanishes and is made anew beside the lock that is still there', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-store-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  // The store's own timers keep no process alive.
  const alive = setInterval(() => {}, 1_000);
  const store = await new Promise<Store>((resolve) => {
    const opened = openLmdbStore(folder, () => {}, { onWorking: () => resolve(opened) });
    void rm(join(folder, 'data.mdb'));
  });
  clearInterval(alive);
  t.teardown(() => store.close());
  t.true((await locksOn(join(folder, 'lock.mdb'))).includes('READ 0 0'));
});
