import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { open, type RootDatabase } from 'lmdb';
import { openLmdbStore, type StoreOptions } from '../../src/store/lmdb.ts';
import { MIGRATIONS, type Migration, storeVersion, versionAfter } from '../../src/store/version.ts';
import { ip, machine as mac } from '../support/dhcp.ts';

async function folderFor(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-store-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes what the first rackseed wrote: leases and decisions by name, and no version. */
async function writeFirst(folder: string): Promise<void> {
  const root = open({ path: folder, overlappingSync: false, maxDbs: 32 });
  await root.openDB({ name: 'leases' }).put(ip('192.168.0.7'), { mac: mac(1), expires: 5000 });
  await root.openDB({ name: 'leases' }).put(ip('192.168.0.8'), { mac: null, expires: null });
  await root.close();
}

async function within<Result>(folder: string, look: (root: RootDatabase) => Result): Promise<Result> {
  const root = open({ path: folder, maxDbs: 32 });
  const result = look(root);
  await root.close();
  return result;
}

/** Opens the store with these migrations; gives its leases. */
async function leasesOf(t: ExecutionContext, folder: string, options: StoreOptions = {}) {
  const store = openLmdbStore(folder, (error) => t.fail(error.message), options);
  const leases = [...store.leases()];
  await store.close();
  return leases;
}

const FIRST = [
  { address: ip('192.168.0.7'), mac: mac(1), expires: 5000 },
  { address: ip('192.168.0.8'), mac: undefined, expires: Number.POSITIVE_INFINITY },
];

/** Migrations of this test: leases that never end do end, and then each ends a thousand milliseconds later. */
const END_ALL: Migration = (root) => {
  const leases = root.openDB<{ readonly expires: number | null }, number>({ name: 'leases' });
  for (const { key, value } of [...leases.getRange()])
    leases.putSync(key, { ...value, expires: value.expires ?? 9000 });
};
const END_LATER: Migration = (root) => {
  const leases = root.openDB<{ readonly expires: number }, number>({ name: 'leases' });
  for (const { key, value } of [...leases.getRange()])
    leases.putSync(key, { ...value, expires: value.expires + 1000 });
};

test('a store of the first rackseed, which has no version, is read as version 1', async (t) => {
  const folder = await folderFor(t);
  await writeFirst(folder);
  t.is(await within(folder, storeVersion), 1);
  t.deepEqual(await leasesOf(t, folder), FIRST);
});

test('migrations are made once, in order, from whatever version the store has', async (t) => {
  const folder = await folderFor(t);
  await writeFirst(folder);
  const expires = async (migrations: readonly Migration[]) =>
    (await leasesOf(t, folder, { migrations })).map((lease) => lease.expires);
  t.deepEqual(await expires([END_ALL]), [5000, 9000]);
  t.is(await within(folder, storeVersion), 2);
  t.deepEqual(await expires([END_ALL, END_LATER]), [6000, 10_000]);
  t.deepEqual(await expires([END_ALL, END_LATER]), [6000, 10_000]);
  t.is(await within(folder, storeVersion), 3);
});

test('a new store has the newest version, and needs no migration', async (t) => {
  const folder = await folderFor(t);
  t.deepEqual(await leasesOf(t, folder, { migrations: [END_ALL, END_LATER] }), []);
  t.is(await within(folder, storeVersion), 3);
});

test('a migration that fails leaves the store as it was', async (t) => {
  const folder = await folderFor(t);
  await writeFirst(folder);
  const fail: Migration = () => {
    throw new Error('there is no room');
  };
  t.throws(() => openLmdbStore(folder, () => {}, { migrations: [END_ALL, fail] }), {
    message: `the store in ${folder} can't be opened: there is no room`,
  });
  t.is(await within(folder, storeVersion), 1);
  t.deepEqual(await leasesOf(t, folder), FIRST);
});

test('a store that a later rackseed has written is refused, and left as it is', async (t) => {
  const folder = await folderFor(t);
  await leasesOf(t, folder, { migrations: [...MIGRATIONS, END_ALL] });
  const [found, known] = [versionAfter(MIGRATIONS) + 1, versionAfter(MIGRATIONS)];
  const before = await readFile(join(folder, 'data.mdb'));
  t.throws(() => openLmdbStore(folder, () => {}), {
    message: `the store in ${folder} can't be opened: a later rackseed has written it (its version is ${found}, and this one knows up to ${known}): install that rackseed again, or restore a backup from before its upgrade ("rackseed restore")`,
  });
  t.deepEqual(await readFile(join(folder, 'data.mdb')), before);
});
