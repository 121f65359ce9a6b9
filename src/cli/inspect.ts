import { ApiClient } from '../api-client/client.ts';
import { localEndpoint } from '../api-client/endpoint.ts';
import { Unreachable } from '../api-client/errors.ts';
import type { ShownMachine } from '../api-client/types.ts';
import type { Config, Network, PortEntry } from '../config/config.ts';
import { noProfile } from '../config/machines.ts';
import { indexedHostname } from '../machines/hostname.ts';
import { withPinnedImage } from '../machines/identifier.ts';
import { type Identity, identify, plainHostname } from '../machines/identity.ts';
import { type MachineIndex, MachineIndexes } from '../machines/indexes.ts';
import type { Inventory } from '../machines/machine.ts';
import { entryFor } from '../machines/ports.ts';
import type { Decision } from '../machines/rack.ts';
import { contains, type Ipv4, parseIpv4 } from '../net/ipv4.ts';
import { type Mac, parseMac } from '../net/mac.ts';
import { HIDDEN_CA } from '../provision/document.ts';
import { offersOf } from '../provision/offers.ts';
import { buildVariables, type Variables } from '../provision/variables.ts';
import { readIndexes } from '../store/lmdb.ts';
import { chooseByName } from './find-machine.ts';

/** A machine as the configuration and the running service know it; without a service, what its store remembers. */
export interface InspectedMachine {
  readonly mac: Mac;
  /** The network it was seen on, or the one its reservation lies in, or the first. */
  readonly network: Network;
  readonly inventory: Inventory;
  /** What its DHCP packets said it is: `UEFI x64`; undefined when it wasn't seen. */
  readonly firmware: string | undefined;
  readonly address: Ipv4 | undefined;
  /** The entry for the port where it is, when it has none of its own. */
  readonly port: PortEntry | undefined;
  /** Who it is; with a name, who it would be with that profile. */
  identity(profile?: string): Identity;
  /** True when the index of this identity was given out before; it would get it with its next boot otherwise. */
  isNumbered(identity: AdmittedIdentity): boolean;
  variables(identity: AdmittedIdentity): Variables;
}

type AdmittedIdentity = Extract<Identity, { readonly admission: 'boot' }>;

/**
 * Finds out about the machine with the hardware address or host name `text`. What people decided while the service runs counts as
 * it does there. Throws an Error for people.
 */
export async function inspectMachine(config: Config, text: string): Promise<InspectedMachine> {
  return (await openInspector(config))(text);
}

/** Asks the service once, for the machines that are then inspected by `inspectMachine`'s rules. Throws an Error for people. */
export async function openInspector(config: Config): Promise<(text: string) => InspectedMachine> {
  const machines = await askService(config);
  return (text) => inspect(config, machines, text);
}

function inspect(
  config: Config,
  machines: readonly ShownMachine[] | undefined,
  text: string,
): InspectedMachine {
  const mac = parseMac(text) ?? findByName(config, machines ?? [], text);
  const seen = machines?.find(({ cards }) => cards.includes(mac));
  const records = machines?.flatMap(indexOf) ?? readIndexes(config.store.directory);
  const indexes = new MachineIndexes({ records, onAssigned: () => {}, onForgotten: () => {} });
  const numbered = new Set(records.filter((record) => record.mac === mac).map(({ profile }) => profile));
  const port = config.machines.has(mac) ? undefined : portOf(config, machines ?? [], seen);
  const reserved = (config.machines.get(mac) ?? port)?.address;
  const address = reserved ?? parseIpv4(seen?.address ?? '');
  const network = chooseNetwork(config, reserved, seen?.network);
  const inventory = seen?.inventory ?? {};
  const decision = seen && decisionOf(seen, mac);
  return {
    mac,
    network,
    inventory,
    firmware: seen?.firmware,
    address,
    port,
    identity(profile) {
      const found = identify(
        profile === undefined ? config : withProfile(config, mac, profile),
        mac,
        { inventory, ...(seen && { network: seen.network }), ...(port && { port }) },
        (request) => indexes.assign(request),
        profile === undefined ? { decision } : { decision: decision && withoutProfiles(decision) },
      );
      const identity = withPinnedImage(found, config);
      const isAsThere = profile === undefined && decision !== undefined && seen?.profile === nameOf(identity);
      return isAsThere ? { ...identity, reason: seen?.reason ?? identity.reason } : identity;
    },
    isNumbered: ({ profile }) => numbered.has(profile.name),
    variables: (identity) => {
      const offers = offersOf({ config, network, address, bootCa: HIDDEN_CA });
      return buildVariables({ identity, network, inventory, address, offers });
    },
  };
}

/** The entry for the port where a machine was seen, unless another was seen there since. */
function portOf(
  config: Config,
  machines: readonly ShownMachine[],
  seen: ShownMachine | undefined,
): PortEntry | undefined {
  const entry = seen?.attachment && entryFor(config, seen.attachment);
  const isNewer = ({ lastSeen, attachment }: ShownMachine) =>
    attachment !== undefined && entryFor(config, attachment) === entry && lastSeen > (seen?.lastSeen ?? '');
  return entry && !machines.some(isNewer) ? entry : undefined;
}

/** The machines that the running service knows; undefined when none runs. Throws an Error when it doesn't tell. */
async function askService({ admin }: Config): Promise<readonly ShownMachine[] | undefined> {
  const client = new ApiClient(localEndpoint(admin.local));
  try {
    return await client.machines();
  } catch (error) {
    if (error instanceof Unreachable) return undefined;
    throw error;
  }
}

function findByName(config: Config, machines: readonly ShownMachine[], text: string): Mac {
  const written = [...config.machines.values()].find(({ hostname }) => hostname === text);
  if (written) return written.mac;
  if (machines.length > 0) return chooseByName(text, machines);
  throw new Error(`"${text}" is not a hardware address such as 52:54:00:12:34:56`);
}

/** What was decided about a machine, as far as the API tells it; undefined when nothing was. */
function decisionOf(machine: ShownMachine, mac: Mac): Decision | undefined {
  const { state, profile, hostname, labels, bootOnce, adoptDisk = false, decidedBy, decidedAt } = machine;
  if (decidedBy === undefined) return undefined;
  return {
    mac,
    verdict: state === 'refused' || state === 'retired' ? state : 'approved',
    ...(profile !== undefined && { profile }),
    ...(!isDerivedName(machine, mac) && { hostname }),
    labels,
    ...(bootOnce !== undefined && { bootOnce }),
    adoptDisk,
    by: decidedBy,
    at: Date.parse(decidedAt ?? machine.since),
  };
}

/** True for a host name that nobody gave: it follows the profile. */
function isDerivedName({ hostname, profile, index }: ShownMachine, mac: Mac): boolean {
  const numbered = profile === undefined || index === undefined ? undefined : indexedHostname(profile, index);
  return hostname === numbered || hostname === plainHostname(mac);
}

function withoutProfiles({ profile: _, bootOnce: __, ...decision }: Decision): Decision {
  return decision;
}

function nameOf(identity: Identity): string | undefined {
  return identity.admission === 'boot' ? identity.profile.name : undefined;
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
