import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { open } from 'lmdb';
import { copyStore, inspectStore } from '../../src/store/inspect.ts';
import { countLeases, LEASE_LOG, type LeaseBooks, LeaseLog } from '../../src/store/lease-log.ts';
import type { LeaseRecord } from '../../src/store/lease-records.ts';
import { openLmdbStore } from '../../src/store/lmdb.ts';
import { ip, machine as mac } from '../support/dhcp.ts';

async function folderFor(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-leases-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Books on disk, and what opens a log of them; `state.fails` makes the table one that can't be written. */
async function booksFor(t: ExecutionContext) {
  const root = open({ path: await folderFor(t), overlappingSync: false, eventTurnBatching: false });
  t.teardown(() => root.close());
  const leases: LeaseBooks['leases'] = root.openDB({ name: 'leases' });
  const log: LeaseBooks['log'] = root.openDB({ name: LEASE_LOG, encoding: 'binary' });
  const books = { leases, log };
  const state = { fails: false };
  const openLog = () =>
    new LeaseLog({
      books: () => books,
      onGroup: () => {},
      async make(run) {
        if (state.fails) throw new Error('the disk is full');
        await run();
      },
    });
  return { books, state, openLog };
}

const lease = (n: number, expires = n): LeaseRecord => ({ address: ip(`10.0.0.${n}`), mac: mac(n), expires });
const removed = (n: number): LeaseRecord => ({ address: ip(`10.0.0.${n}`), isRemoved: true });

/** Brings what is logged to the table, as quiet seconds do. */
async function settle(log: LeaseLog): Promise<void> {
  log.tick();
  log.tick();
  await log.flush();
}

test('what was appended is there for whoever opens the log, the last of each address', async (t) => {
  const { books, openLog } = await booksFor(t);
  const log = openLog();
  await Promise.all([lease(1), lease(2), lease(3)].map((record) => log.append(record)));
  await log.append(lease(2, 99));
  await log.append(removed(3));
  t.is(books.leases.getCount(), 0);
  for (const reader of [log, openLog()]) t.deepEqual([...reader.leases()], [lease(1), lease(2, 99)]);
  t.is(countLeases(books), 2);
});

test('when it is quiet, the table gets what is in the log, which is empty then', async (t) => {
  const { books, openLog } = await booksFor(t);
  const log = openLog();
  for (const record of [lease(1), lease(2), lease(2, 99)]) await log.append(record);
  await settle(log);
  t.deepEqual([books.leases.getCount(), books.log.getCount()], [2, 0]);
  for (const record of [removed(1), lease(3)]) await log.append(record);
  for (const reader of [log, openLog()]) t.deepEqual([...reader.leases()], [lease(2, 99), lease(3)]);
  await settle(log);
  t.deepEqual([books.leases.getCount(), books.log.getCount()], [2, 0]);
  t.deepEqual([...openLog().leases()], [lease(2, 99), lease(3)]);
});

test('nothing goes to the table while something is appended now and then', async (t) => {
  const { books, openLog } = await booksFor(t);
  const log = openLog();
  for (const n of [1, 2, 3]) {
    await log.append(lease(n));
    log.tick();
  }
  await log.flush();
  t.is(books.leases.getCount(), 0);
});

test('what comes while the table is being written is newer than what goes there', async (t) => {
  const { openLog } = await booksFor(t);
  const log = openLog();
  await Promise.all([lease(1), lease(2)].map((record) => log.append(record)));
  log.tick();
  log.tick();
  const expected = [lease(1, 99), lease(3)];
  await Promise.all([lease(1, 99), removed(2), lease(3)].map((record) => log.append(record)));
  t.deepEqual([...log.leases()], expected);
  await log.flush();
  for (const reader of [log, openLog()]) t.deepEqual([...reader.leases()], expected);
});

test('a table that cannot be written loses nothing: all stays in the log until it can', async (t) => {
  const { books, state, openLog } = await booksFor(t);
  const log = openLog();
  await Promise.all([lease(1), lease(2)].map((record) => log.append(record)));
  state.fails = true;
  await settle(log);
  await log.append(lease(2, 99));
  t.is(books.leases.getCount(), 0);
  for (const reader of [log, openLog()]) t.deepEqual([...reader.leases()], [lease(1), lease(2, 99)]);
  state.fails = false;
  await settle(log);
  t.deepEqual([books.leases.getCount(), books.log.getCount()], [2, 0]);
});

test('a log that begins anew after it was emptied keeps counting where it can, and loses nothing', async (t) => {
  const { openLog } = await booksFor(t);
  const first = openLog();
  await first.append(lease(1));
  await settle(first);
  const second = openLog();
  await second.append(lease(1, 99));
  t.deepEqual([...openLog().leases()], [lease(1, 99)]);
});

test('a store counts and copies the leases in its log while a service appends to it', async (t) => {
  const folder = await folderFor(t);
  const store = openLmdbStore(folder, (error) => t.fail(error.message));
  t.teardown(() => store.close());
  for (const n of [1, 2, 3]) {
    await store.commit({ lease: { address: ip(`10.0.0.${n}`), mac: mac(n), expires: n }, renewal: false });
  }
  // A machine that has moved leaves its address.
  const moved = { address: ip('10.0.0.4'), mac: mac(3), expires: 4 };
  await store.commit({ lease: moved, left: ip('10.0.0.3'), renewal: false });
  t.is((await inspectStore(folder))?.leases, 3);
  const target = await folderFor(t);
  t.is((await copyStore(folder, target)).leases, 3);
  const copy = openLmdbStore(target, (error) => t.fail(error.message));
  t.deepEqual(
    [...copy.leases()].map(({ address }) => address),
    [ip('10.0.0.1'), ip('10.0.0.2'), ip('10.0.0.4')],
  );
  await copy.close();
});
