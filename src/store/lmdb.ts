import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, open } from 'lmdb';
import type { Lease } from '../dhcp/leases.ts';
import type { LeaseChange } from '../dhcp/responder.ts';
import type { MachineIndex } from '../machines/indexes.ts';
import type { SeenMachine } from '../machines/machine.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import type { Store } from './store.ts';

/** A lease on disk; its address is the key. `expires` is null for a lease that never ends. */
interface LeaseRecord {
  readonly mac: Mac | null;
  readonly expires: number | null;
}

/**
 * Opens the store in `directory`, which is made if need be. Changes of one turn of the event loop, and those that come in
 * while the disk is busy, share one transaction and one fsync.
 * Throws an Error that names the directory when it can't be written.
 */
export function openLmdbStore(directory: string, onError: (error: Error) => void): Store {
  let root: ReturnType<typeof open>;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o750 });
    // Without overlappingSync a commit is on disk when its promise resolves, not just in the page cache.
    root = open({ path: directory, overlappingSync: false, maxDbs: 8 });
  } catch (error) {
    throw new Error(`the store in ${directory} can't be opened: ${(error as Error).message}`);
  }
  const leases: Database<LeaseRecord, number> = root.openDB({ name: 'leases' });
  const machines: Database<SeenMachine, Mac> = root.openDB({ name: 'machines' });
  const indexes: Database<number, [profile: string, mac: Mac]> = root.openDB({ name: 'indexes' });
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
      for (const { value } of machines.getRange()) yield value;
    },

    saveMachine(machine: SeenMachine): void {
      machines.put(machine.mac, machine).catch(report);
    },

    removeMachine(mac: Mac): void {
      machines.remove(mac).catch(report);
    },

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

    close: () => root.close(),
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
