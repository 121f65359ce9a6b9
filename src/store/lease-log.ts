import type { Database } from 'lmdb';
import type { Lease } from '../dhcp/leases.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import { GroupCommit } from './group-commit.ts';
import { decodeRecords, encodeRecords, type LeaseRecord } from './lease-records.ts';

/** A lease in the table; its address is the key. `expires` is null for a lease that never ends. */
export interface StoredLease {
  readonly mac: Mac | null;
  readonly expires: number | null;
}

/** Where leases are on disk: a table by address, and what changed since, each group of changes under the next number. */
export interface LeaseBooks {
  readonly leases: Database<StoredLease, number>;
  readonly log: Database<Buffer, number>;
}

/** The name of the log's database. */
export const LEASE_LOG = 'lease-log';

export interface LeaseLogOptions {
  /** The books as they are open now. */
  readonly books: () => LeaseBooks;
  /** Makes a change to the table by `run`, which is of so many records; resolves or rejects with it. */
  readonly make: (run: () => Promise<unknown>, records: number) => Promise<void>;
  /** Told before each group is written to the log. */
  readonly onGroup: () => void;
}

/** Under load, the log is written this often, milliseconds: a commit costs as much as a hundred changes in it. */
const INTERVAL = 3;
/** Addresses with changes in the log before these go to the table although there is no quiet moment. */
const MOST_LOGGED = 50_000;
/** Changes that go to the table in one transaction, in the order of their addresses, so that they share its pages. */
const BATCH = 500;

/**
 * The leases on disk. Each change is a few bytes at the end of a log, which costs a commit the same few pages however many
 * changes it holds and whatever their addresses; in a table, every one of them would be a page or more. In quiet moments,
 * what is in the log goes to the table.
 */
export class LeaseLog {
  readonly #options: LeaseLogOptions;
  readonly #groups: GroupCommit<LeaseRecord>;
  /** The last number in the log. */
  #last = 0;
  /** The last record of each address that is in the log and not yet in the table. */
  #logged = new Map<Ipv4, LeaseRecord>();
  /** Those of them that are on their way to the table. */
  #moving: ReadonlyMap<Ipv4, LeaseRecord> = new Map();
  /** Something was logged since `tick`. */
  #isBusy = false;
  #isMoving = false;
  #moved: Promise<void> = Promise.resolve();

  /** Takes up what is in the log. Throws an Error when something else is. */
  constructor(options: LeaseLogOptions) {
    this.#options = options;
    this.#groups = new GroupCommit({ write: (records) => this.#write(records), interval: INTERVAL });
    const { log } = options.books();
    for (const key of log.getKeys({ reverse: true, limit: 1 })) this.#last = key;
    this.#logged = readLog(log);
  }

  /** Resolves once the record would survive the loss of this process or host; rejects with LMDB's error when it can't be written. */
  append(record: LeaseRecord): Promise<void> {
    return this.#groups.add(record);
  }

  /** All leases on record. */
  *leases(): Generator<Lease> {
    const changed = new Map([...this.#moving, ...this.#logged]);
    for (const { key, value } of this.#options.books().leases.getRange()) {
      const address = key as Ipv4;
      const record = changed.get(address) ?? leaseOf(address, value);
      changed.delete(address);
      if (!('isRemoved' in record)) yield record;
    }
    for (const record of changed.values()) if (!('isRemoved' in record)) yield record;
  }

  /** To be called every second or so: when nothing was logged since the last time, what is logged goes to the table. */
  tick(): void {
    if (!this.#isBusy) this.#move();
    this.#isBusy = false;
  }

  /** Resolves when whatever was to be written is, or could not be. */
  async flush(): Promise<void> {
    await this.#groups.flush();
    await this.#moved;
  }

  async #write(records: readonly LeaseRecord[]): Promise<void> {
    this.#options.onGroup();
    const number = this.#last + 1;
    this.#last = number;
    await this.#options.books().log.put(number, encodeRecords(records));
    for (const record of records) this.#logged.set(record.address, record);
    this.#isBusy = true;
    if (this.#logged.size >= MOST_LOGGED) this.#move();
  }

  #move(): void {
    if (this.#isMoving || this.#logged.size === 0) return;
    this.#isMoving = true;
    this.#moved = this.#moveAll()
      // What can't be written stays in the log, and its turn comes again.
      .catch(() => {
        this.#logged = new Map([...this.#moving, ...this.#logged]);
      })
      .finally(() => {
        this.#moving = new Map();
        this.#isMoving = false;
      });
  }

  /**
   * Moves what is logged now. The log loses it last, so that nothing is missing whenever this ends: what is both in the table
   * and in the log is the same in both, or the log's is newer.
   */
  async #moveAll(): Promise<void> {
    const { books, make } = this.#options;
    const last = this.#last;
    const moving = this.#logged;
    this.#moving = moving;
    this.#logged = new Map();
    const records = [...moving.values()].sort((a, b) => a.address - b.address);
    for (let start = 0; start < records.length; start += BATCH) {
      const batch = records.slice(start, start + BATCH);
      await make(() => Promise.all(batch.map((record) => enter(books().leases, record))), batch.length);
    }
    const numbers = [...books().log.getKeys({ end: last + 1 })];
    await make(() => Promise.all(numbers.map((number) => books().log.remove(number))), numbers.length);
  }
}

/** Number of leases in books that are open for reading; a book that nothing was ever written to is undefined. */
export function countLeases({ leases, log }: Partial<LeaseBooks>): number {
  let count = leases?.getCount() ?? 0;
  for (const [address, record] of log ? readLog(log) : []) {
    const isInTable = leases?.doesExist(address) === true;
    if ('isRemoved' in record) count -= isInTable ? 1 : 0;
    else count += isInTable ? 0 : 1;
  }
  return count;
}

/** The last record of each address in the log. */
function readLog(log: LeaseBooks['log']): Map<Ipv4, LeaseRecord> {
  const records = new Map<Ipv4, LeaseRecord>();
  for (const { value } of log.getRange()) {
    for (const record of decodeRecords(value)) records.set(record.address, record);
  }
  return records;
}

function leaseOf(address: Ipv4, { mac, expires }: StoredLease): LeaseRecord {
  return { address, mac: mac ?? undefined, expires: expires ?? Number.POSITIVE_INFINITY };
}

/** Brings the table up to date with a record. */
function enter(leases: LeaseBooks['leases'], record: LeaseRecord): Promise<boolean> {
  const { address } = record;
  if ('isRemoved' in record) return leases.remove(address);
  const { mac = null, expires } = record;
  return leases.put(address, { mac, expires: Number.isFinite(expires) ? expires : null });
}
