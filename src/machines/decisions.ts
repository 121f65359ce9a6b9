import type { Mac } from '../net/mac.ts';
import type { Decision } from './rack.ts';

/** A decision as it is written down. */
export interface DecisionRecord extends Decision {
  /** Grows with every change, also over the machine's being forgotten. */
  readonly revision: number;
  /**
   * How far `bootOnce` and `adoptDisk` have come: `pending` until a boot has got its script with them, `taken` by the boot
   * going on, `done` once that boot has got everything; the boot after is as ever again.
   */
  readonly once: 'pending' | 'taken' | 'done';
}

export interface DecisionsOptions {
  /** Decisions from before. */
  readonly records: Iterable<DecisionRecord>;
  /** Both resolve once the change would survive the loss of this process. */
  readonly save: (record: DecisionRecord) => Promise<void>;
  readonly remove: (mac: Mac) => Promise<void>;
  /** Told when what a boot made of a decision couldn't be written down. */
  readonly onError: (error: Error) => void;
}

/** What identities are made with. */
export interface DecisionSource {
  /** What is decided of a machine, without what is for another boot. `hasScript`: the boot going on has got its script. */
  inEffect(mac: Mac, hasScript: boolean): Decision | undefined;
  /** What is decided of a machine's next boot. */
  next(mac: Mac): Decision | undefined;
  /** The machines that were given a host name. */
  named(hostname: string): ReadonlySet<Mac>;
}

/** Nobody has decided anything. */
export const NO_DECISIONS: DecisionSource = {
  inEffect: () => undefined,
  next: () => undefined,
  named: () => new Set(),
};

const NOBODY: ReadonlySet<Mac> = new Set();

/** What people decided about machines while the service runs. */
export class Decisions implements DecisionSource {
  readonly #options: DecisionsOptions;
  readonly #records = new Map<Mac, DecisionRecord>();
  readonly #byHostname = new Map<string, Set<Mac>>();

  constructor(options: DecisionsOptions) {
    this.#options = options;
    for (const record of options.records) this.#set(record.mac, record);
  }

  get(mac: Mac): DecisionRecord | undefined {
    return this.#records.get(mac);
  }

  get size(): number {
    return this.#records.size;
  }

  all(): IterableIterator<DecisionRecord> {
    return this.#records.values();
  }

  named(hostname: string): ReadonlySet<Mac> {
    return this.#byHostname.get(hostname) ?? NOBODY;
  }

  inEffect(mac: Mac, hasScript: boolean): Decision | undefined {
    const record = this.#records.get(mac);
    return record && (record.once === 'pending' && hasScript ? withoutOnce(record) : record);
  }

  next(mac: Mac): Decision | undefined {
    const record = this.#records.get(mac);
    return record && (record.once === 'done' ? withoutOnce(record) : record);
  }

  /** Puts decisions in force and resolves when they are written down. Rejects, with all as before, when they can't be. */
  async put(records: readonly DecisionRecord[]): Promise<void> {
    const before = records.map(({ mac }) => this.#records.get(mac));
    for (const record of records) this.#set(record.mac, record);
    try {
      await Promise.all(records.map((record) => this.#options.save(record)));
    } catch (error) {
      for (const [index, record] of records.entries()) {
        if (this.#records.get(record.mac) === record) this.#set(record.mac, before[index]);
      }
      throw error;
    }
  }

  /** Forgets decisions and resolves when that is written down. */
  async remove(macs: readonly Mac[]): Promise<void> {
    const decided = macs.filter((mac) => this.#records.has(mac));
    for (const mac of decided) this.#set(mac, undefined);
    await Promise.all(decided.map((mac) => this.#options.remove(mac)));
  }

  /** A machine begins a boot: what an earlier one has used up is over, what it took without getting all is pending again. */
  bootBegan(mac: Mac): void {
    const record = this.#records.get(mac);
    if (!record || record.once === 'pending') return;
    this.#keep({ ...(record.once === 'done' ? withoutOnce(record) : record), once: 'pending' });
  }

  /** A machine has got its script. */
  scriptGiven(mac: Mac): void {
    const record = this.#records.get(mac);
    if (record?.once === 'pending' && isForOnce(record)) this.#keep({ ...record, once: 'taken' });
  }

  /** A machine has got everything that its boot asks for. */
  allGiven(mac: Mac): void {
    const record = this.#records.get(mac);
    if (record?.once === 'taken') this.#keep({ ...record, once: 'done' });
  }

  #keep(record: DecisionRecord): void {
    this.#set(record.mac, record);
    this.#options.save(record).catch(this.#options.onError);
  }

  #set(mac: Mac, record: DecisionRecord | undefined): void {
    const before = this.#records.get(mac)?.hostname;
    if (before !== undefined) {
      const named = this.#byHostname.get(before);
      if (named?.delete(mac) && named.size === 0) this.#byHostname.delete(before);
    }
    if (record) this.#records.set(mac, record);
    else this.#records.delete(mac);
    if (record?.hostname !== undefined) {
      const named = this.#byHostname.get(record.hostname) ?? new Set();
      this.#byHostname.set(record.hostname, named.add(mac));
    }
  }
}

function isForOnce({ bootOnce, adoptDisk }: Decision): boolean {
  return bootOnce !== undefined || adoptDisk;
}

function withoutOnce({ bootOnce: _, ...record }: DecisionRecord): DecisionRecord {
  return { ...record, adoptDisk: false };
}
