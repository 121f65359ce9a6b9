import type { Config, MachineEntry, PortEntry, Profile } from '../config/config.ts';
import type { Mac } from '../net/mac.ts';
import { indexedHostname, indexInHostname } from './hostname.ts';
import type { IndexSource } from './indexes.ts';
import type { Decision } from './rack.ts';
import { chooseRule, type MachineFacts } from './rules.ts';

/** Who a machine is and what it may do. */
export type Identity =
  | {
      readonly admission: 'boot';
      readonly mac: Mac;
      readonly hostname: string;
      readonly profile: Profile;
      /** What chose the profile: `machines/rules.yaml: rules[2]: product matches PowerEdge*`. */
      readonly reason: string;
      /** Its entry in machines/, completed by what was decided about it. */
      readonly entry: MachineEntry;
      /** Labels of the entry and of the rule that chose the profile; the entry's win. */
      readonly labels: Readonly<Record<string, string>>;
      /** The entry for the port where it is, when that is its entry. */
      readonly port?: PortEntry;
      /** The machine's number among those of its profile; undefined until it has one. */
      readonly index?: number;
    }
  | Refused<'hold'>
  | Refused<'ignore'>;

interface Refused<Admission> {
  readonly admission: Admission;
  readonly mac: Mac;
  readonly hostname: string;
  /** Why it may not boot. */
  readonly reason: string;
  /** What somebody has decided; absent while nobody has. */
  readonly verdict?: 'refused' | 'retired';
}

/** What people decided while the service runs, as far as it is a machine's business. */
export interface Decided {
  readonly decision?: Decision | undefined;
  /** True for a host name that was given to another machine. */
  readonly isTaken?: (hostname: string) => boolean;
}

/**
 * Tells who a machine is. A machine with an entry in machines/ boots, and what the entry says goes first; so does one that
 * is at a port with an entry, unless somebody refused it, and one that was approved. Any other gets what `unknown_machines` says, whatever rules match it. The profile is the one for this boot
 * only, else the entry's, else the one assigned, else that of the first matching rule, else the default one.
 *
 * `facts` is what the machine told so far. `indexOf` is asked for its index, once what it told suffices to choose the
 * profile for good. A machine without a name of its own is called after profile and index (`worker-01`), or after its
 * hardware address while it has no index; a profile for one boot doesn't change its name. Pure but for `indexOf`, and cheap
 * enough for every DHCP packet.
 */
export function identify(
  config: Config,
  mac: Mac,
  facts: MachineFacts = {},
  indexOf?: IndexSource,
  { decision, isTaken }: Decided = {},
): Identity {
  const own = config.machines.get(mac);
  const port = own ? undefined : facts.port;
  const written = own ?? (port && atPort(port, mac));
  if (!own && decision && decision.verdict !== 'approved') {
    const { verdict, by, hostname = plainHostname(mac) } = decision;
    return { admission: 'hold', mac, hostname, reason: `${verdict} by ${by}`, verdict };
  }
  if (!written && !decision && config.unknownMachines !== 'boot') {
    const reason = `no entry in machines/, and unknown_machines is ${config.unknownMachines}`;
    return { admission: config.unknownMachines, mac, hostname: plainHostname(mac), reason };
  }
  const approved = decision?.verdict === 'approved' ? decision : undefined;
  const entry = complete(written ?? { mac, labels: {}, adoptDisk: false }, approved);
  const usual = chooseProfile(config, written, approved, entry, facts);
  const owners = ownersOf(config);
  const isFree = (index: number) => {
    const hostname = indexedHostname(usual.name, index);
    return (!owners.has(hostname) || owners.get(hostname) === mac) && !isTaken?.(hostname);
  };
  const preferred = entry.hostname === undefined ? undefined : indexInHostname(usual.name, entry.hostname);
  const index =
    usual.settled && indexOf
      ? indexOf({ profile: usual.name, mac, isFree, ...(preferred !== undefined && { preferred }) })
      : undefined;
  // Somebody may have given the name to another machine since this one got its index.
  const numbered = index !== undefined && isFree(index) ? indexedHostname(usual.name, index) : undefined;
  const { name, reason, labels } = approved ? forThisBoot(config, usual, approved) : usual;
  const profile = config.profiles.get(name);
  if (!profile) throw new Error(`profile ${name} is not in the configuration`);
  return {
    admission: 'boot',
    mac,
    hostname: entry.hostname ?? numbered ?? plainHostname(mac),
    profile,
    reason,
    entry,
    labels,
    ...(port && { port }),
    ...(index !== undefined && { index }),
  };
}

/** The entry for a port as that of the machine there. */
function atPort({ port: _, ...entry }: PortEntry, mac: Mac): MachineEntry {
  return { ...entry, mac };
}

/** The entry with what was decided where it says nothing itself. */
function complete(entry: MachineEntry, decision: Decision | undefined): MachineEntry {
  if (!decision) return entry;
  const { hostname, labels, adoptDisk } = decision;
  return {
    ...(hostname !== undefined && { hostname }),
    ...entry,
    labels: { ...labels, ...entry.labels },
    adoptDisk: entry.adoptDisk || adoptDisk,
  };
}

interface ProfileChoice {
  readonly name: string;
  readonly reason: string;
  readonly labels: Readonly<Record<string, string>>;
  /** False while the machine has yet to tell what a rule asks for. */
  readonly settled: boolean;
}

function chooseProfile(
  config: Config,
  written: MachineEntry | undefined,
  decision: Decision | undefined,
  { mac, labels }: MachineEntry,
  facts: MachineFacts,
): ProfileChoice {
  if (written?.profile !== undefined) {
    return {
      name: written.profile,
      reason: written.place ?? 'its entry in machines/',
      labels,
      settled: true,
    };
  }
  const assigned = decision?.profile;
  if (decision && assigned !== undefined && config.profiles.has(assigned)) {
    return { name: assigned, reason: `assigned by ${decision.by}`, labels, settled: true };
  }
  const { rule, reason: matched = 'default_profile', settled } = chooseRule(config, mac, facts);
  const reason =
    assigned === undefined ? matched : `${matched}, as the profile ${assigned} it was assigned is gone`;
  if (!rule) return { name: config.defaultProfile, reason, labels, settled };
  return { name: rule.profile, reason, labels: { ...rule.labels, ...labels }, settled };
}

/** The profile of this boot only, if there is one. */
function forThisBoot(config: Config, usual: ProfileChoice, { bootOnce, by }: Decision): ProfileChoice {
  if (bootOnce === undefined) return usual;
  if (config.profiles.has(bootOnce)) return { ...usual, name: bootOnce, reason: `for one boot, by ${by}` };
  return { ...usual, reason: `${usual.reason}, as the profile ${bootOnce} for one boot is gone` };
}

const owners = new WeakMap<Config, ReadonlyMap<string, Mac | undefined>>();

/** Which machine was given a host name in machines/; undefined for a name that goes with a port. */
function ownersOf(config: Config): ReadonlyMap<string, Mac | undefined> {
  let names = owners.get(config);
  if (!names) {
    names = new Map(
      [
        ...config.ports.map(({ hostname }) => [hostname, undefined] as const),
        ...[...config.machines.values()].map(({ hostname, mac }) => [hostname, mac] as const),
      ].flatMap(([hostname, mac]) => (hostname === undefined ? [] : [[hostname, mac]])),
    );
    owners.set(config, names);
  }
  return names;
}

/** A name for a machine that has no other: stable, and a valid DNS-1123 label. */
export function plainHostname(mac: Mac): string {
  return `node-${mac.replaceAll(':', '')}`;
}
