import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import type { ApiTokenRecord } from '../api-tokens/token.ts';
import type { Lease } from '../dhcp/leases.ts';
import type { LeaseChange } from '../dhcp/outcome.ts';
import type { BootToken } from '../machines/boot-token.ts';
import type { MachineTokens } from '../machines/boot-tokens.ts';
import type { DecisionRecord } from '../machines/decisions.ts';
import type { JournalStore } from '../machines/event-journal.ts';
import type { MachineIndex } from '../machines/indexes.ts';
import type { JournalEvent } from '../machines/journal.ts';
import type { Boot, SeenMachine } from '../machines/machine.ts';
import { readMachine, type StagesOnly } from '../machines/record.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import type { Store } from './store.ts';
import { MIGRATIONS, type Migration, migrateStore } from './version.ts';

/** A lease on disk; its address is the key. `expires` is null for a lease that never ends. */
interface LeaseRecord {
  readonly mac: Mac | null;
  readonly expires: number | null;
}

/**
 * Opens the store in `directory`, which is made if need be, and brings it to the newest version. Changes of one turn of the event
 * loop, and those that come in while the disk is busy, share one transaction and one fsync.
 * Throws an Error that names the directory when it can't be written, or was written by a later rackseed.
 */
export function openLmdbStore(
  directory: string,
  onError: (error: Error) => void,
  migrations: readonly Migration[] = MIGRATIONS,
): Store {
  let root: RootDatabase | undefined;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o750 });
    // Without overlappingSync a commit is on disk when its promise resolves, not just in the page cache.
    root = open({ path: directory, overlappingSync: false, maxDbs: 32 });
    migrateStore(root, migrations);
  } catch (error) {
    root?.close();
    throw new Error(`the store in ${directory} can't be opened: ${(error as Error).message}`);
  }
  const leases: Database<LeaseRecord, number> = root.openDB({ name: 'leases' });
  const machines: Database<SeenMachine | StagesOnly, Mac> = root.openDB({ name: 'machines' });
  const boots: Database<Boot, [mac: Mac, number: number]> = root.openDB({ name: 'boots' });
  const decisions: Database<DecisionRecord, Mac> = root.openDB({ name: 'decisions' });
  const indexes: Database<number, [profile: string, mac: Mac]> = root.openDB({ name: 'indexes' });
  const bootTokens: Database<readonly BootToken[], Mac> = root.openDB({ name: 'boot-tokens' });
  const apiTokens: Database<ApiTokenRecord, string> = root.openDB({ name: 'api-tokens' });
  const webhooks: Database<number, string> = root.openDB({ name: 'webhooks' });
  const report = (error: unknown) => onError(error instanceof Error ? error : new Error(String(error)));

  return {
    *leases(): Iterable<Lease> {
      for (const { key, value } of leases.getRange()) {
        yield {
          address: key as Ipv4,
          mac: value.mac ?? undefined,
          expires: value.expires ?? Number.POSITIVE_INFINITY,
        };
      }
    },

    async commit({ lease, left }: LeaseChange): Promise<void> {
      if (left !== undefined) leases.remove(left).catch(report);
      await leases.put(lease.address, {
        mac: lease.mac ?? null,
        expires: Number.isFinite(lease.expires) ? lease.expires : null,
      });
    },

    *machines(): Iterable<SeenMachine> {
      for (const { value } of machines.getRange()) yield readMachine(value);
    },

    saveMachine(machine: SeenMachine): void {
      machines.put(machine.mac, machine).catch(report);
    },

    removeMachine(mac: Mac): void {
      machines.remove(mac).catch(report);
    },

    boots: (mac) => [...boots.getRange(keysOf(mac))].map(({ value }) => value),

    saveBoot(mac: Mac, boot: Boot): void {
      boots.put([mac, boot.number], boot).catch(report);
      const old = [...boots.getKeys({ ...keysOf(mac), offset: KEPT_BOOTS - 1 })];
      for (const key of old) if (key[1] !== boot.number) boots.remove(key).catch(report);
    },

    removeBoots(mac: Mac): void {
      for (const key of [...boots.getKeys(keysOf(mac, false))]) boots.remove(key).catch(report);
    },

    *decisions(): Iterable<DecisionRecord> {
      for (const { value } of decisions.getRange()) yield value;
    },

    async saveDecision(decision: DecisionRecord): Promise<void> {
      await decisions.put(decision.mac, decision);
    },

    async removeDecision(mac: Mac): Promise<void> {
      await decisions.remove(mac);
    },

    events: openJournal(root.openDB({ name: 'journal' }), report),
    changes: openJournal(root.openDB({ name: 'changes' }), report),

    *indexes(): Iterable<MachineIndex> {
      for (const { key, value } of indexes.getRange()) {
        const [profile, mac] = key;
        yield { profile, mac, index: value };
      }
    },

    saveIndex({ profile, mac, index }: MachineIndex): void {
      indexes.put([profile, mac], index).catch(report);
    },

    removeIndex({ profile, mac }: MachineIndex): void {
      indexes.remove([profile, mac]).catch(report);
    },

    *bootTokens(): Iterable<MachineTokens> {
      for (const { key, value } of bootTokens.getRange()) yield { mac: key, tokens: value };
    },

    async saveBootTokens({ mac, tokens }: MachineTokens): Promise<void> {
      await bootTokens.put(mac, tokens).catch((error: unknown) => {
        report(error);
        throw error;
      });
    },

    removeBootTokens(mac: Mac): void {
      bootTokens.remove(mac).catch(report);
    },

    *apiTokens(): Iterable<ApiTokenRecord> {
      for (const { value } of apiTokens.getRange()) yield value;
    },

    async saveApiToken(record: ApiTokenRecord): Promise<void> {
      await apiTokens.put(record.name, record);
    },

    async removeApiToken(name: string): Promise<void> {
      await apiTokens.remove(name);
    },

    webhooks: {
      keys: () => webhooks.getKeys(),
      get: (key) => webhooks.get(key),
      save: (key, id) => void webhooks.put(key, id).catch(report),
      remove: (key) => void webhooks.remove(key).catch(report),
    },

    close: () => root.close(),
  };
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

function openJournal(events: Database<JournalEvent, number>, report: (error: unknown) => void): JournalStore {
  return {
    *all() {
      for (const { value } of events.getRange()) yield value;
    },
    async append(added, first) {
      const written = added.map((event) => events.put(event.id, event).catch(report));
      for (const id of [...events.getKeys({ end: first })]) events.remove(id).catch(report);
      await Promise.all(written);
    },
  };
}

/** The indexes in the store of `directory` while no service has it open; none when there is no store that can be read. */
export function readIndexes(directory: string): MachineIndex[] {
  if (!existsSync(join(directory, 'data.mdb'))) return [];
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
