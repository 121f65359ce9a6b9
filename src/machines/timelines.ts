import type { Mac } from '../net/mac.ts';
import type { EntryKind } from './machine.ts';
import type { MachineRegistry } from './registry.ts';
import { isStage } from './timeline.ts';

/** Notes of one kind in a boot: what goes on and on is told so often. */
const MOST_OF_A_KIND = 100;
/** Told once in a boot, however often it happens. */
const NEVER_LIMITED: ReadonlySet<EntryKind> = new Set(['stuck', 'change']);

/** An entry that was just added to a machine's timeline. */
export interface AddedEntry {
  readonly mac: Mac;
  readonly hostname: string;
  readonly kind: EntryKind;
  readonly detail: string;
}

export interface TimelinesOptions {
  readonly registry: MachineRegistry;
  readonly hostnameOf: (mac: Mac) => string;
  readonly onEntry: (entry: AddedEntry) => void;
}

/** Adds to machines' timelines and tells of it. */
export class Timelines {
  readonly #options: TimelinesOptions;
  /** How many notes of each kind a machine's boot has had. */
  readonly #counts = new Map<Mac, { readonly boot: number; readonly notes: Map<EntryKind, number> }>();

  constructor(options: TimelinesOptions) {
    this.#options = options;
  }

  /** False when it is nothing new, the machine is unknown, or there was too much of it. `now` in milliseconds. */
  add(mac: Mac, kind: EntryKind, detail: string, now: number): boolean {
    const left = isStage(kind) || NEVER_LIMITED.has(kind) ? Number.POSITIVE_INFINITY : this.#left(mac, kind);
    if (left <= 0) return false;
    const { registry, hostnameOf, onEntry } = this.#options;
    const text = left === 1 ? `${detail} (more of this kind is left out)` : detail;
    if (!registry.record(mac, kind, text, now)) return false;
    if (Number.isFinite(left)) this.#count(mac, kind);
    onEntry({ mac, hostname: hostnameOf(mac), kind, detail: text });
    return true;
  }

  forget(mac: Mac): void {
    this.#counts.delete(mac);
  }

  #left(mac: Mac, kind: EntryKind): number {
    const counts = this.#counts.get(mac);
    const isThisBoot = counts?.boot === this.#bootOf(mac);
    return MOST_OF_A_KIND - ((isThisBoot ? counts?.notes.get(kind) : undefined) ?? 0);
  }

  #count(mac: Mac, kind: EntryKind): void {
    const boot = this.#bootOf(mac);
    const before = this.#counts.get(mac);
    const counts = before?.boot === boot ? before : { boot, notes: new Map<EntryKind, number>() };
    counts.notes.set(kind, (counts.notes.get(kind) ?? 0) + 1);
    this.#counts.set(mac, counts);
  }

  #bootOf(mac: Mac): number {
    return this.#options.registry.get(mac)?.boot?.number ?? 0;
  }
}
