import type { Config, Network } from '../config/config.ts';
import { noProfile } from '../config/machines.ts';
import { listMachines, type ShownMachine } from '../http/admin-client.ts';
import { type Identity, identify } from '../machines/identity.ts';
import { type MachineIndex, MachineIndexes } from '../machines/indexes.ts';
import type { Inventory } from '../machines/machine.ts';
import { contains, type Ipv4, parseIpv4 } from '../net/ipv4.ts';
import { type Mac, parseMac } from '../net/mac.ts';
import { buildVariables, type Variables } from '../provision/variables.ts';
import { readIndexes } from '../store/lmdb.ts';

/** A machine as the configuration and the running service know it; without a service, what its store remembers. */
export interface InspectedMachine {
  readonly mac: Mac;
  /** The network it was seen on, or the one its reservation lies in, or the first. */
  readonly network: Network;
  readonly inventory: Inventory;
  /** What its DHCP packets said it is: `UEFI x64`; undefined when it wasn't seen. */
  readonly firmware: string | undefined;
  readonly address: Ipv4 | undefined;
  /** Who it is; with a name, who it would be with that profile. */
  identity(profile?: string): Identity;
  /** True when the index of this identity was given out before; it would get it with its next boot otherwise. */
  isNumbered(identity: AdmittedIdentity): boolean;
  variables(identity: AdmittedIdentity): Variables;
}

type AdmittedIdentity = Extract<Identity, { readonly admission: 'boot' }>;

/** Finds out about the machine with the hardware address `text`. Throws an Error for people. */
export async function inspectMachine(config: Config, text: string): Promise<InspectedMachine> {
  const mac = parseMac(text);
  if (!mac) throw new Error(`"${text}" is not a hardware address such as 52:54:00:12:34:56`);
  const machines = await listMachines(config.admin.listen).catch(() => undefined);
  const seen = machines?.find((machine) => machine.mac === mac);
  const records = machines?.flatMap(indexOf) ?? readIndexes(config.store.directory);
  const indexes = new MachineIndexes({ records, onAssigned: () => {}, onForgotten: () => {} });
  const numbered = new Set(records.filter((record) => record.mac === mac).map(({ profile }) => profile));
  const reserved = config.machines.get(mac)?.address;
  const address = reserved ?? parseIpv4(seen?.address ?? '');
  const network = chooseNetwork(config, reserved, seen?.network);
  const inventory = seen?.inventory ?? {};
  return {
    mac,
    network,
    inventory,
    firmware: seen?.firmware,
    address,
    identity: (profile) =>
      identify(
        profile === undefined ? config : withProfile(config, mac, profile),
        mac,
        { inventory, ...(seen && { network: seen.network }) },
        (request) => indexes.assign(request),
      ),
    isNumbered: ({ profile }) => numbered.has(profile.name),
    variables: (identity) => buildVariables({ identity, network, inventory, address }),
  };
}

function indexOf({ mac, profile, index }: ShownMachine): MachineIndex[] {
  const parsed = parseMac(mac);
  return parsed && profile !== undefined && index !== undefined ? [{ profile, mac: parsed, index }] : [];
}

function withProfile(config: Config, mac: Mac, profile: string): Config {
  if (!config.profiles.has(profile)) {
    const [message, expected] = noProfile(profile, [...config.profiles.keys()]);
    throw new Error(`${message} (expected ${expected})`);
  }
  const entry = config.machines.get(mac) ?? { mac, labels: {}, adoptDisk: false };
  return { ...config, machines: new Map(config.machines).set(mac, { ...entry, profile }) };
}

function chooseNetwork({ networks }: Config, reserved: Ipv4 | undefined, seen: string | undefined): Network {
  const network =
    networks.find(({ name }) => name === seen) ??
    networks.find(({ subnet }) => reserved !== undefined && contains(subnet, reserved)) ??
    networks[0];
  if (!network) throw new Error('the configuration has no network');
  return network;
}
