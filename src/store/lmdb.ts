import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import type { ApiTokenRecord } from '../api-tokens/token.ts';
import type { LeaseChange } from '../dhcp/outcome.ts';
import type { BootToken } from '../machines/boot-token.ts';
import type { MachineTokens } from '../machines/boot-tokens.ts';
import type { DecisionRecord } from '../machines/decisions.ts';
import type { JournalStore } from '../machines/event-journal.ts';
import type { MachineIndex } from '../machines/indexes.ts';
import type { JournalEvent } from '../machines/journal.ts';
import type { Boot, SeenMachine } from '../machines/machine.ts';
import { machineReader, type StagesOnly } from '../machines/record.ts';
import { unmapPages } from '../net/libc.ts';
import type { Mac } from '../net/mac.ts';
import { allocateLock, fileAt, fileNow, keepReserve, tryToWrite } from './disk.ts';
import { DATA, LOCK } from './inspect.ts';
import { LEASE_LOG, LeaseLog, type StoredLease } from './lease-log.ts';
import type { LeaseRecord } from './lease-records.ts';
import type { Store } from './store.ts';
import { MIGRATIONS, type Migration, migrateStore } from './version.ts';
import { type Write, Writes } from './writes.ts';

/** Changes after which it is looked whether there is still room for as many. */
const CHECKED_AFTER = 100;
/** How often it is looked whether the store is still where it was, milliseconds. */
const LOOK = 1_000;

/** What there is to choose about a store. */
export interface StoreOptions {
  /** Told once, in words, when changes can be written again. */
  readonly onWorking?: (detail: string) => void;
  /** The steps to the newest version. */
  readonly migrations?: readonly Migration[];
}

/**
 * Opens the store in `directory`, which is made if need be, and brings it to the newest version. Changes that come in while the disk is busy share one
 * transaction and one fsync. While the disk can't be written, changes are refused and those that nobody waits for are made
 * when it is good again; a folder that has vanished is then made anew.
 * Throws an Error that names the directory when it can't be opened, or was written by a later rackseed.
 * @param onFailing told once when changes can't be written any more, and again when the reason is another one
 */
export function openLmdbStore(
  directory: string,
  onFailing: (error: Error) => void,
  { onWorking = () => {}, migrations = MIGRATIONS }: StoreOptions = {},
): Store {
  const file = join(directory, DATA);
  let { root, db } = openDatabases(directory, migrations);
  let own = fileNow(file);
  /** What the kernel calls it. */
  const mapped = realpathSync(file);

  /** Copies what the vanished file had, which is still there for who has it open. */
  const writeAnew = async () => {
    const old = root;
    mkdirSync(directory, { recursive: true, mode: 0o750 });
    const copy = await mkdtemp(join(directory, '.new-'));
    try {
      await old.backup(copy, false);
      // The lock of the vanished file may still be there; beside another file it would be wrong.
      await rm(join(directory, LOCK), { force: true });
      await rename(join(copy, DATA), file);
    } finally {
      await rm(copy, { recursive: true, force: true });
    }
    ({ root, db } = openDatabases(directory, migrations));
    own = fileNow(file);
    await old.close();
  };
  const writes = new Writes({
    async mend() {
      const found = await fileAt(file);
      if (found === undefined) await writeAnew();
      else if (found !== own) throw new Error(REPLACED);
      reserve();
      await tryToWrite(directory);
    },
    onFailing: (reason) =>
      onFailing(new Error(`the store in ${directory} can't be written: ${reason}. ${MEANING}`)),
    onWorking: () =>
      onWorking(`the store in ${directory} can be written again, and nothing is missing from it`),
  });
  /**
   * LMDB must never find the disk full: its binding then writes beyond its own memory, which sooner or later ends the
   * process. So there are always blocks for the next changes on the disk already.
   */
  const reserve = () => {
    const { lastPageNumber, pageSize } = root.getStats() as { lastPageNumber: number; pageSize: number };
    keepReserve(file, (lastPageNumber + 1) * pageSize);
  };
  let isClosed = false;
  const reserveOrFail = () => {
    if (isClosed) return;
    try {
      reserve();
    } catch (error) {
      writes.failBy(error);
    }
  };
  const look = async () => {
    const found = await fileAt(file).catch((error: Error) => error);
    if (found instanceof Error) writes.failBy(found);
    else if (found !== own) writes.fail(found === undefined ? VANISHED : REPLACED);
    else reserveOrFail();
  };
  let made = 0;
  const count = (changes: number) => {
    made += changes;
    if (made < CHECKED_AFTER) return;
    made = 0;
    reserveOrFail();
  };
  const make = (write: Write, changes = 1) => {
    count(changes);
    return writes.make(write);
  };
  const openLeases = () => {
    try {
      return new LeaseLog({
        books: () => ({ leases: db.leases, log: db.leaseLog }),
        make: (run, changes) => make({ key: 'leases', run, isKept: false }, changes),
        onGroup: () => count(1),
      });
    } catch (error) {
      root.close();
      throw unopened(directory, error);
    }
  };
  const leaseLog = openLeases();
  const looking = setInterval(() => {
    leaseLog.tick();
    void look();
  }, LOOK).unref();
  // Nobody can be told before this function has returned.
  queueMicrotask(reserveOrFail);

  /** Makes a change that somebody waits for, who is told when it can't be made. */
  const now = (key: Key, run: () => Promise<unknown>) => make({ key: key.join('/'), run, isKept: false });
  /** Makes a change sooner or later. Resolves when it is made or can't be made now. */
  const later = (key: Key, run: () => Promise<unknown>) =>
    make({ key: key.join('/'), run, isKept: true }).catch(() => {});

  const writeLease = (record: LeaseRecord, isKept: boolean) =>
    writes.make({ key: `leases/${record.address}`, run: () => leaseLog.append(record), isKept });

  const journal = (name: 'journal' | 'changes'): JournalStore => ({
    *all() {
      for (const { value } of db[name].getRange()) yield value;
    },
    async append(added, first) {
      const written = added.map((event) => later([name, event.id], () => db[name].put(event.id, event)));
      for (const id of [...db[name].getKeys({ end: first })]) {
        void later([name, id], () => db[name].remove(id));
      }
      await Promise.all(written);
    },
  });

  return {
    leases: () => leaseLog.leases(),

    commit({ lease, left, renewal }: LeaseChange): Promise<void> {
      if (left !== undefined) writeLease({ address: left, isRemoved: true }, true).catch(() => {});
      // A renewal is granted whether it is written down or not.
      return writeLease(lease, renewal);
    },

    *machines(): Iterable<SeenMachine> {
      const read = machineReader();
      for (const { value } of db.machines.getRange()) yield read(value);
    },

    saveMachine(machine: SeenMachine): void {
      void later(['machines', machine.mac], () => db.machines.put(machine.mac, machine));
    },

    removeMachine(mac: Mac): void {
      void later(['machines', mac], () => db.machines.remove(mac));
    },

    boots: (mac) => [...db.boots.getRange(keysOf(mac))].map(({ value }) => value),

    saveBoot(mac: Mac, boot: Boot): void {
      void later(['boots', mac, boot.number], () => db.boots.put([mac, boot.number], boot));
      const old = [...db.boots.getKeys({ ...keysOf(mac), offset: KEPT_BOOTS - 1 })];
      for (const key of old) {
        if (key[1] !== boot.number) void later(['boots', ...key], () => db.boots.remove(key));
      }
    },

    removeBoots(mac: Mac): void {
      for (const key of [...db.boots.getKeys(keysOf(mac, false))]) {
        void later(['boots', ...key], () => db.boots.remove(key));
      }
    },

    *decisions(): Iterable<DecisionRecord> {
      for (const { value } of db.decisions.getRange()) yield value;
    },

    saveDecision: (decision: DecisionRecord) =>
      now(['decisions', decision.mac], () => db.decisions.put(decision.mac, decision)),

    removeDecision: (mac: Mac) => now(['decisions', mac], () => db.decisions.remove(mac)),

    events: journal('journal'),
    changes: journal('changes'),

    *indexes(): Iterable<MachineIndex> {
      for (const { key, value } of db.indexes.getRange()) {
        const [profile, mac] = key;
        yield { profile, mac, index: value };
      }
    },

    saveIndex({ profile, mac, index }: MachineIndex): void {
      void later(['indexes', profile, mac], () => db.indexes.put([profile, mac], index));
    },

    removeIndex({ profile, mac }: MachineIndex): void {
      void later(['indexes', profile, mac], () => db.indexes.remove([profile, mac]));
    },

    *bootTokens(): Iterable<MachineTokens> {
      for (const { key, value } of db.bootTokens.getRange()) yield { mac: key, tokens: value };
    },

    saveBootTokens: ({ mac, tokens }: MachineTokens) =>
      make({ key: `boot-tokens/${mac}`, run: () => db.bootTokens.put(mac, tokens), isKept: true }),

    removeBootTokens(mac: Mac): void {
      void later(['boot-tokens', mac], () => db.bootTokens.remove(mac));
    },

    *apiTokens(): Iterable<ApiTokenRecord> {
      for (const { value } of db.apiTokens.getRange()) yield value;
    },

    saveApiToken: (record: ApiTokenRecord) =>
      now(['api-tokens', record.name], () => db.apiTokens.put(record.name, record)),

    removeApiToken: (name: string) => now(['api-tokens', name], () => db.apiTokens.remove(name)),

    webhooks: {
      keys: () => db.webhooks.getKeys(),
      get: (key) => db.webhooks.get(key),
      save: (key, id) => void later(['webhooks', key], () => db.webhooks.put(key, id)),
      remove: (key) => void later(['webhooks', key], () => db.webhooks.remove(key)),
    },

    unmapPages: () => unmapPages(mapped),

    async close() {
      isClosed = true;
      clearInterval(looking);
      await leaseLog.flush();
      writes.close();
      await root.close();
    },
  };
}

/** A database's name and the key in it. */
type Key = readonly (string | number)[];

const MEANING =
  'Machines that have an address keep it and boot; no other machine gets one, and no change is taken, until it can';
const VANISHED = 'its folder has vanished';
const REPLACED = 'another store was put in its place; restart rackseed to use that one';

/** Opens all databases in `directory`. Throws an Error that names it. */
function openDatabases(directory: string, migrations: readonly Migration[]) {
  let root: RootDatabase | undefined;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o750 });
    allocateLock(join(directory, LOCK));
    root = open({
      path: directory,
      // Without it, a commit is on disk when its promise resolves, not just in the page cache.
      overlappingSync: false,
      // With it, a transaction that fails leaves a promise rejected that nobody can get at, which ends the process.
      eventTurnBatching: false,
      maxDbs: 32,
    });
    migrateStore(root, migrations);
    const leases: Database<StoredLease, number> = root.openDB({ name: 'leases' });
    const leaseLog: Database<Buffer, number> = root.openDB({ name: LEASE_LOG, encoding: 'binary' });
    const machines: Database<SeenMachine | StagesOnly, Mac> = root.openDB({ name: 'machines' });
    const boots: Database<Boot, [mac: Mac, number: number]> = root.openDB({ name: 'boots' });
    const decisions: Database<DecisionRecord, Mac> = root.openDB({ name: 'decisions' });
    const indexes: Database<number, [profile: string, mac: Mac]> = root.openDB({ name: 'indexes' });
    const bootTokens: Database<readonly BootToken[], Mac> = root.openDB({ name: 'boot-tokens' });
    const apiTokens: Database<ApiTokenRecord, string> = root.openDB({ name: 'api-tokens' });
    const webhooks: Database<number, string> = root.openDB({ name: 'webhooks' });
    const journal: Database<JournalEvent, number> = root.openDB({ name: 'journal' });
    const changes: Database<JournalEvent, number> = root.openDB({ name: 'changes' });
    const db = {
      ...{ leases, leaseLog, machines, boots, decisions, indexes },
      ...{ bootTokens, apiTokens, webhooks, journal, changes },
    };
    return { root, db };
  } catch (error) {
    root?.close();
    throw unopened(directory, error);
  }
}

function unopened(directory: string, error: unknown): Error {
  return new Error(`the store in ${directory} can't be opened: ${(error as Error).message}`);
}

/** Boots kept of each machine besides the one going on. */
const KEPT_BOOTS = 9;

/** The keys of a machine's boots. */
function keysOf(mac: Mac, newestFirst = true) {
  const [first, last]: [[Mac, number], [Mac, number]] = [
    [mac, 0],
    [mac, Number.MAX_SAFE_INTEGER],
  ];
  return newestFirst ? { start: last, end: first, reverse: true } : { start: first, end: last };
}

/** The indexes in the store of `directory` while no service has it open; none when there is no store that can be read. */
export function readIndexes(directory: string): MachineIndex[] {
  if (!existsSync(join(directory, DATA))) return [];
  try {
    const root = open({ path: directory, readOnly: true, maxDbs: 8 });
    const indexes: Database<number, [profile: string, mac: Mac]> | undefined = root.openDB({
      name: 'indexes',
    });
    const records = [...(indexes?.getRange() ?? [])].map(({ key: [profile, mac], value }) => ({
      profile,
      mac,
      index: value,
    }));
    root.close();
    return records;
  } catch {
    return [];
  }
}
