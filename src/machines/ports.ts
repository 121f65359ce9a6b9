import type { Config, ConfigSource, PortEntry } from '../config/config.ts';
import { portKey } from '../config/machines.ts';
import type { Mac } from '../net/mac.ts';
import type { Attachment } from './machine.ts';
import type { MachineRegistry } from './registry.ts';

/**
 * Which machine an entry for a port stands for: the one that booted there last. One that was there before isn't at that
 * port any more, even if it was seen nowhere else since.
 */
export class PortOccupants {
  readonly #config: ConfigSource;
  readonly #registry: Pick<MachineRegistry, 'get' | 'all'>;
  /** By the key of the entry's port; undefined for one whose machine was seen elsewhere since. */
  readonly #occupants = new Map<string, Mac | undefined>();
  /** The other way round. */
  readonly #ports = new Map<Mac, string>();

  constructor(config: ConfigSource, registry: Pick<MachineRegistry, 'get' | 'all'>) {
    this.#config = config;
    this.#registry = registry;
  }

  /** A machine begins to boot at a port, and so is at no other. */
  arrive(mac: Mac, attachment: Attachment): void {
    const config = this.#config();
    if (config.ports.length === 0) return;
    const entry = entryFor(config, attachment);
    const before = this.entryOf(mac);
    if (before === entry) return;
    if (before) this.#put(portKey(before.port), undefined);
    if (entry) this.#put(portKey(entry.port), mac);
  }

  /** The entry for the port where a machine is. */
  entryOf(mac: Mac): PortEntry | undefined {
    const config = this.#config();
    if (config.ports.length === 0) return undefined;
    const arrived = this.#ports.get(mac);
    if (arrived !== undefined) return entriesOf(config).get(arrived);
    const attachment = this.#registry.get(mac)?.attachment;
    const entry = attachment && entryFor(config, attachment);
    return entry && this.#occupantOf(entry, config) === mac ? entry : undefined;
  }

  #occupantOf(entry: PortEntry, config: Config): Mac | undefined {
    const key = portKey(entry.port);
    if (this.#occupants.has(key)) return this.#occupants.get(key);
    // After a restart: the registry is in order of last sight.
    let last: Mac | undefined;
    for (const { mac, attachment, boot } of this.#registry.all()) {
      if (boot && attachment && entryFor(config, attachment) === entry) last = mac;
    }
    this.#put(key, last);
    return last;
  }

  #put(key: string, mac: Mac | undefined): void {
    const before = this.#occupants.get(key);
    if (before !== undefined) this.#ports.delete(before);
    this.#occupants.set(key, mac);
    if (mac !== undefined) this.#ports.set(mac, key);
  }
}

const indexes = new WeakMap<Config, ReadonlyMap<string, PortEntry>>();

/** The entries for ports by their key. */
function entriesOf(config: Config): ReadonlyMap<string, PortEntry> {
  let index = indexes.get(config);
  if (!index) {
    index = new Map(config.ports.map((entry) => [portKey(entry.port), entry]));
    indexes.set(config, index);
  }
  return index;
}

/** The entry for a port; one that names both the switch and its port goes before one that names only one of them. */
export function entryFor(config: Config, { circuit, remote }: Attachment): PortEntry | undefined {
  if (config.ports.length === 0) return undefined;
  const entries = entriesOf(config);
  const both = {
    ...(circuit !== undefined && { circuit }),
    ...(remote !== undefined && { remote }),
  };
  return (
    entries.get(portKey(both)) ??
    (circuit === undefined ? undefined : entries.get(portKey({ circuit }))) ??
    (remote === undefined ? undefined : entries.get(portKey({ remote })))
  );
}
