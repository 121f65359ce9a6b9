import type { Mac } from '../net/mac.ts';

/** The number that a machine has among those of one profile: 1 for the first. */
export interface MachineIndex {
  readonly profile: string;
  readonly mac: Mac;
  readonly index: number;
}

/** A machine that needs an index. */
export interface IndexRequest {
  readonly profile: string;
  readonly mac: Mac;
  /** The index that its own name asks for; it gets another one when this is not free. */
  readonly preferred?: number;
  /** False for an index whose name belongs to another machine. */
  readonly isFree: (index: number) => boolean;
}

/** Gives a machine's index; undefined when it has none and is to get none now. */
export type IndexSource = (request: IndexRequest) => number | undefined;

export interface MachineIndexesOptions {
  /** Indexes from before. */
  readonly records: Iterable<MachineIndex>;
  /** Told of every index that is given out, to write it down. */
  readonly onAssigned: (record: MachineIndex) => void;
  /** Told of every index that is free again. */
  readonly onForgotten: (record: MachineIndex) => void;
}

/** The indexes of one profile. */
interface ProfileIndexes {
  readonly byMac: Map<Mac, number>;
  readonly taken: Set<number>;
  /** Every index below is taken. */
  next: number;
}

/**
 * Numbers the machines of each profile from 1. A machine keeps its index until it is forgotten, also while it has another
 * profile; only then somebody else may get it.
 */
export class MachineIndexes {
  readonly #options: MachineIndexesOptions;
  readonly #profiles = new Map<string, ProfileIndexes>();

  constructor(options: MachineIndexesOptions) {
    this.#options = options;
    for (const record of options.records) this.#put(record);
  }

  get(profile: string, mac: Mac): number | undefined {
    return this.#profiles.get(profile)?.byMac.get(mac);
  }

  /** The machine that has an index. */
  holder(profile: string, index: number): Mac | undefined {
    const indexes = this.#profiles.get(profile);
    if (!indexes?.taken.has(index)) return undefined;
    for (const [mac, own] of indexes.byMac) if (own === index) return mac;
    return undefined;
  }

  /** The machine's index; it is given the preferred or the lowest free one when it has none. */
  assign(request: IndexRequest): number {
    const { profile, mac } = request;
    const before = this.get(profile, mac);
    if (before !== undefined) return before;
    const record = { profile, mac, index: this.#choose(request) };
    this.#put(record);
    this.#options.onAssigned(record);
    return record.index;
  }

  /** Frees the indexes of a machine that nobody knows any more. */
  forget(mac: Mac): void {
    for (const [profile, indexes] of this.#profiles) {
      const index = indexes.byMac.get(mac);
      if (index === undefined) continue;
      indexes.byMac.delete(mac);
      indexes.taken.delete(index);
      indexes.next = Math.min(indexes.next, index);
      this.#options.onForgotten({ profile, mac, index });
    }
  }

  #choose({ profile, preferred, isFree }: IndexRequest): number {
    const indexes = this.#profiles.get(profile);
    if (preferred !== undefined && !indexes?.taken.has(preferred)) return preferred;
    let index = indexes?.next ?? 1;
    while (indexes?.taken.has(index) || !isFree(index)) index += 1;
    return index;
  }

  #put({ profile, mac, index }: MachineIndex): void {
    const indexes = this.#profiles.get(profile) ?? { byMac: new Map(), taken: new Set(), next: 1 };
    this.#profiles.set(profile, indexes);
    indexes.byMac.set(mac, index);
    indexes.taken.add(index);
    while (indexes.taken.has(indexes.next)) indexes.next += 1;
  }
}
