import type { Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import type { Inventory, SeenMachine, Stage, StageRecord } from './machine.ts';

/** A boot that goes round in circles must not fill the memory; the first records are the ones that explain it. */
const MAX_RECORDS = 64;

export interface RegistryOptions {
  /** Machines known from before. */
  readonly machines: Iterable<SeenMachine>;
  /** Machines that are never forgotten, however many others come by. */
  readonly isKept: (mac: Mac) => boolean;
  /** Most machines remembered; beyond that the one unseen for longest goes first. */
  readonly capacity: number;
  /** Told of every machine that was forgotten. */
  readonly onForgotten: (mac: Mac) => void;
}

/** Every machine that was seen, by hardware address. Times are milliseconds since the epoch. */
export class MachineRegistry {
  readonly #options: RegistryOptions;
  /** In order of last sight, the longest unseen first. */
  readonly #machines = new Map<Mac, SeenMachine>();
  readonly #byAddress = new Map<Ipv4, Mac>();
  readonly #changed = new Set<Mac>();

  constructor(options: RegistryOptions) {
    this.#options = options;
    for (const machine of [...options.machines].sort((a, b) => a.lastSeen - b.lastSeen)) this.#put(machine);
  }

  get(mac: Mac): SeenMachine | undefined {
    return this.#machines.get(mac);
  }

  /** The machine that has, or last had, an address. */
  at(address: Ipv4): SeenMachine | undefined {
    const mac = this.#byAddress.get(address);
    return mac === undefined ? undefined : this.#machines.get(mac);
  }

  all(): IterableIterator<SeenMachine> {
    return this.#machines.values();
  }

  /** Notes that a machine was seen, and what was learned about it. That alone, without news, is not worth saving. */
  see(
    mac: Mac,
    network: string,
    now: number,
    facts: { readonly address?: Ipv4; readonly firmware?: string; readonly inventory?: Inventory } = {},
  ): SeenMachine {
    const before = this.#machines.get(mac);
    const { inventory, ...rest } = facts;
    const after: SeenMachine = {
      ...(before ?? { mac, firstSeen: now, inventory: {}, boot: [] }),
      ...rest,
      network,
      lastSeen: now,
      ...(inventory && { inventory: { ...before?.inventory, ...inventory } }),
    };
    const isNews =
      !before ||
      before.network !== network ||
      before.address !== after.address ||
      before.firmware !== after.firmware ||
      inventory !== undefined;
    return this.#update(after, isNews);
  }

  /** Begins a new boot: the records of the one before go. */
  beginBoot(mac: Mac): void {
    const machine = this.#machines.get(mac);
    if (machine) this.#update({ ...machine, boot: [] });
  }

  /**
   * Adds a stage to a machine's boot. False when nothing new is to be told: the machine is unknown, the last record says
   * the same (a retransmission), or there are too many.
   */
  record(mac: Mac, stage: Stage, detail: string, now: number): boolean {
    const machine = this.#machines.get(mac);
    if (!machine || machine.boot.length >= MAX_RECORDS) return false;
    const last = machine.boot.at(-1);
    if (last?.stage === stage && last.detail === detail) return false;
    const record: StageRecord = { stage, at: now, detail };
    this.#update({ ...machine, lastSeen: now, boot: [...machine.boot, record] });
    return true;
  }

  /** The machines that changed since the last call. */
  takeChanged(): SeenMachine[] {
    const machines = [...this.#changed].flatMap((mac) => this.#machines.get(mac) ?? []);
    this.#changed.clear();
    return machines;
  }

  #update(machine: SeenMachine, isNews = true): SeenMachine {
    this.#put(machine);
    if (isNews) this.#changed.add(machine.mac);
    if (this.#machines.size > this.#options.capacity) this.#forgetOne();
    return machine;
  }

  #put(machine: SeenMachine): void {
    const before = this.#machines.get(machine.mac)?.address;
    if (before !== undefined && this.#byAddress.get(before) === machine.mac) this.#byAddress.delete(before);
    if (machine.address !== undefined) this.#byAddress.set(machine.address, machine.mac);
    this.#machines.delete(machine.mac);
    this.#machines.set(machine.mac, machine);
  }

  #forgetOne(): void {
    for (const { mac, address } of this.#machines.values()) {
      if (this.#options.isKept(mac)) continue;
      this.#machines.delete(mac);
      this.#changed.delete(mac);
      if (address !== undefined && this.#byAddress.get(address) === mac) this.#byAddress.delete(address);
      this.#options.onForgotten(mac);
      return;
    }
  }
}
