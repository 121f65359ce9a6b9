import type { LoaderHistory } from '../boot/fallback.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import type { Attachment, Boot, EntryKind, Inventory, SavedParts, SeenMachine, Standing } from './machine.ts';
import { addEntry, hasReached, isStage, MAX_NOTES } from './timeline.ts';
import { credibleUuid } from './uuid.ts';

/** A uuid that more cards show than this isn't one machine's. */
const MAX_CARDS = 16;
/** Notes kept of a machine that never had an address: anybody can claim to be one. */
const STRANGER_NOTES = 20;

export interface RegistryOptions {
  /** Machines known from before. */
  readonly machines: Iterable<SeenMachine>;
  /** Machines that are never forgotten, however many others come by. */
  readonly isKept: (mac: Mac) => boolean;
  /** Most machines remembered; beyond that strangers go first, then the one unseen for longest. */
  readonly capacity: number;
  /** Most of them that never got as far as a script: made-up ones come by the thousand. */
  readonly strangers: number;
  /** Told of every machine that was forgotten, and of what may have been saved. */
  readonly onForgotten: (mac: Mac, saved: SavedParts) => void;
  /** Told of every machine of which something new is known. */
  readonly onChanged?: (mac: Mac) => void;
  /** Told of a boot that is over because the next one begins. */
  readonly onBootEnded?: (mac: Mac, boot: Boot) => void;
}

/** What was learned about a machine. */
export interface Facts {
  readonly address?: Ipv4;
  readonly firmware?: string;
  readonly loader?: string;
  readonly attachment?: Attachment;
  /** Added to what it told before. */
  readonly inventory?: Inventory;
}

/** Every machine that was seen, by hardware address. Times are milliseconds since the epoch. */
export class MachineRegistry {
  readonly #options: RegistryOptions;
  /** In order of last sight, the longest unseen first. */
  readonly #machines = new Map<Mac, SeenMachine>();
  /** Those that never got as far as a script, in the same order: whoever sends packets can make any number of them. */
  readonly #strangers = new Set<Mac>();
  readonly #byAddress = new Map<Ipv4, Mac>();
  /** Nearly all are those of one card alone. */
  readonly #byUuid = new Map<string, Mac | Set<Mac>>();
  /** The credible uuid of each card that shows one. */
  readonly #uuids = new Map<Mac, string>();
  readonly #changed = new Set<Mac>();
  /** Those that were handed out to be saved. */
  readonly #saved = new Set<Mac>();

  constructor(options: RegistryOptions) {
    this.#options = options;
    for (const machine of [...options.machines].sort((a, b) => a.lastSeen - b.lastSeen)) {
      this.#put(machine);
      this.#saved.add(machine.mac);
    }
  }

  get(mac: Mac): SeenMachine | undefined {
    return this.#machines.get(mac);
  }

  /** The machine that has, or last had, an address. */
  at(address: Ipv4): SeenMachine | undefined {
    const mac = this.#byAddress.get(address);
    return mac === undefined ? undefined : this.#machines.get(mac);
  }

  /** A machine that told this SMBIOS uuid, in any case of letters. */
  withUuid(uuid: string): Mac | undefined {
    for (const { mac, inventory } of this.#machines.values()) {
      if (inventory.uuid?.toLowerCase() === uuid.toLowerCase()) return mac;
    }
    return undefined;
  }

  all(): IterableIterator<SeenMachine> {
    return this.#machines.values();
  }

  /** All cards that show the same credible uuid as this one, itself among them; none when it wasn't seen. */
  cards(mac: Mac): readonly SeenMachine[] {
    const machine = this.#machines.get(mac);
    if (!machine) return [];
    const cards = this.#byUuid.get(this.#uuids.get(mac) ?? '');
    if (!(cards instanceof Set) || cards.size === 1 || cards.size > MAX_CARDS) return [machine];
    return [...cards].flatMap((card) => this.#machines.get(card) ?? []);
  }

  /**
   * True for a machine that nobody keeps, never got a script, and has no address or was never seen to boot: it may be some
   * packets and no more.
   */
  isStranger(mac: Mac): boolean {
    if (!this.#strangers.has(mac)) return false;
    const machine = this.#machines.get(mac);
    const isBooting = machine?.address !== undefined && machine.boot !== undefined;
    return !isBooting && !this.#options.isKept(mac);
  }

  /** Notes that a machine was seen, and what was learned about it. That alone, without news, is not worth saving. */
  see(mac: Mac, network: string, now: number, facts: Facts = {}): SeenMachine {
    const before = this.#machines.get(mac);
    if (before && before.network === network && tellsNothingNew(before, facts)) {
      return this.#update({ ...before, lastSeen: now }, false);
    }
    const { inventory, ...rest } = facts;
    return this.#update({
      ...(before ?? { mac, firstSeen: now, inventory: {} }),
      ...rest,
      network,
      lastSeen: now,
      ...(inventory && { inventory: { ...before?.inventory, ...inventory } }),
    });
  }

  /** Begins a new boot; the one before has ended. */
  beginBoot(mac: Mac, now: number): void {
    const machine = this.#machines.get(mac);
    if (!machine) return;
    const { boot } = machine;
    // A stranger's boots aren't worth the disk they would take.
    if (boot && (this.#options.isKept(mac) || hasReached(boot, 'script'))) {
      this.#options.onBootEnded?.(mac, boot);
    }
    const number = Math.max(0, ...this.cards(mac).map((card) => card.boot?.number ?? 0)) + 1;
    this.#update({ ...machine, boot: { number, began: now, entries: [] } });
  }

  /** Notes the profile that a boot's script was made for. */
  giveProfile(mac: Mac, profile: string): void {
    const machine = this.#machines.get(mac);
    if (machine?.boot) this.#update({ ...machine, boot: { ...machine.boot, profile } });
  }

  /**
   * Adds an entry to the timeline of a machine's boot, which a stage begins when there is none. False when nothing new is
   * to be told: the machine is unknown or has yet to boot, the last entry says the same, or there are too many.
   */
  record(mac: Mac, kind: EntryKind, detail: string, now: number): boolean {
    const machine = this.#machines.get(mac);
    if (!machine || (!machine.boot && !isStage(kind))) return false;
    const before = machine.boot ?? { number: 1, began: now, entries: [] };
    const boot = addEntry(
      before,
      { kind, at: now, detail },
      this.isStranger(mac) ? STRANGER_NOTES : MAX_NOTES,
    );
    if (!boot) return false;
    this.#update({ ...machine, lastSeen: Math.max(machine.lastSeen, now), boot });
    return true;
  }

  /** Notes what came of a machine's loaders. */
  noteLoaders(mac: Mac, loaders: LoaderHistory): void {
    const machine = this.#machines.get(mac);
    if (machine && machine.loaders !== loaders) this.#update({ ...machine, loaders });
  }

  /** Notes the state that was told of a machine; tells nobody of it again. */
  setStanding(mac: Mac, standing: Standing): void {
    const machine = this.#machines.get(mac);
    if (!machine) return;
    this.#machines.set(mac, { ...machine, standing });
    this.#changed.add(mac);
  }

  /** Forgets a machine. */
  forget(mac: Mac): void {
    const machine = this.#machines.get(mac);
    if (!machine) return;
    const { address } = machine;
    this.#machines.delete(mac);
    const wasStranger = this.#strangers.delete(mac);
    this.#changed.delete(mac);
    this.#unlinkUuid(mac);
    if (address !== undefined && this.#byAddress.get(address) === mac) this.#byAddress.delete(address);
    this.#options.onForgotten(mac, {
      machine: this.#saved.delete(mac) || !wasStranger,
      boots: !wasStranger,
    });
  }

  /** Forgets the strangers that weren't seen for `age` milliseconds. */
  forgetStrangers(now: number, age: number): void {
    for (const mac of this.#strangers) {
      if ((this.#machines.get(mac)?.lastSeen ?? 0) > now - age) return;
      this.#forgetStranger(mac);
    }
  }

  /**
   * The machines that changed since they were handed out last. Of strangers at most `strangers`, and only such as are kept
   * or were first seen at `firstSeen` or before; others at later calls: of a flood of them only those are worth the disk that aren't
   * forgotten soon.
   */
  takeChanged(strangers = Number.POSITIVE_INFINITY, firstSeen = Number.POSITIVE_INFINITY): SeenMachine[] {
    const machines: SeenMachine[] = [];
    let left = strangers;
    for (const mac of this.#changed) {
      const machine = this.#machines.get(mac);
      if (this.#strangers.has(mac)) {
        const isNew = (machine?.firstSeen ?? 0) > firstSeen && !this.#options.isKept(mac);
        if (isNew || --left < 0) continue;
      }
      this.#changed.delete(mac);
      this.#saved.add(mac);
      if (machine) machines.push(machine);
    }
    return machines;
  }

  #update(machine: SeenMachine, isNews = true): SeenMachine {
    this.#put(machine);
    if (isNews) {
      this.#changed.add(machine.mac);
      this.#options.onChanged?.(machine.mac);
    }
    const { capacity, strangers } = this.#options;
    if (this.#strangers.size > strangers) this.#forgetOneStranger();
    if (this.#machines.size > capacity && !this.#forgetOneStranger()) this.#forgetOne();
    return machine;
  }

  #put(machine: SeenMachine): void {
    const { mac, address, boot } = machine;
    const before = this.#machines.get(mac);
    if (before?.address !== undefined && this.#byAddress.get(before.address) === mac) {
      this.#byAddress.delete(before.address);
    }
    if (address !== undefined) this.#byAddress.set(address, mac);
    if (before?.inventory !== machine.inventory) {
      this.#unlinkUuid(mac);
      this.#linkUuid(machine);
    }
    this.#machines.delete(mac);
    this.#machines.set(mac, machine);
    this.#strangers.delete(mac);
    if (!boot || (boot.number === 1 && !hasReached(boot, 'script'))) this.#strangers.add(mac);
  }

  #linkUuid({ mac, inventory }: SeenMachine): void {
    const uuid = credibleUuid(inventory.uuid);
    if (uuid === undefined) return;
    const cards = this.#byUuid.get(uuid);
    if (cards instanceof Set) cards.add(mac);
    else this.#byUuid.set(uuid, cards === undefined ? mac : new Set([cards, mac]));
    this.#uuids.set(mac, uuid);
  }

  #unlinkUuid(mac: Mac): void {
    const uuid = this.#uuids.get(mac);
    if (uuid === undefined) return;
    this.#uuids.delete(mac);
    const cards = this.#byUuid.get(uuid);
    if (cards instanceof Set) cards.delete(mac);
    if (cards === mac || (cards instanceof Set && cards.size === 0)) this.#byUuid.delete(uuid);
  }

  /** False when there is none that isn't kept. */
  #forgetOneStranger(): boolean {
    for (const mac of this.#strangers) if (this.#forgetStranger(mac)) return true;
    return false;
  }

  #forgetOne(): void {
    for (const mac of this.#machines.keys()) {
      if (this.#options.isKept(mac)) continue;
      this.forget(mac);
      return;
    }
  }

  /** False for one that is kept: it is no stranger any more. */
  #forgetStranger(mac: Mac): boolean {
    if (this.#options.isKept(mac)) {
      this.#strangers.delete(mac);
      return false;
    }
    this.forget(mac);
    return true;
  }
}

/** True when a machine is known to be what is told of it. */
function tellsNothingNew(known: SeenMachine, facts: Facts): boolean {
  for (const key of ['address', 'firmware', 'loader'] as const) {
    if (facts[key] !== undefined && facts[key] !== known[key]) return false;
  }
  const { attachment, inventory } = facts;
  return (!attachment || sameTexts(known.attachment, attachment)) && holds(known.inventory, inventory ?? {});
}

function sameTexts(one: object = {}, other: object): boolean {
  return holds(one, other) && holds(other, one);
}

/** True when all entries of `part` are in `whole`. */
function holds(whole: object, part: object): boolean {
  const known = whole as Readonly<Record<string, unknown>>;
  return Object.entries(part).every(([key, value]) => known[key] === value);
}
