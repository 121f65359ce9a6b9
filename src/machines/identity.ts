import type { Config, MachineEntry, Profile } from '../config/config.ts';
import type { Mac } from '../net/mac.ts';
import { macToHyphens } from '../net/mac.ts';
import { indexedHostname, indexInHostname } from './hostname.ts';
import type { IndexSource } from './indexes.ts';
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
      readonly entry: MachineEntry;
      /** Labels of the entry and of the rule that chose the profile; the entry's win. */
      readonly labels: Readonly<Record<string, string>>;
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
}

/**
 * Tells who a machine is. A machine with an entry in machines/ boots; any other gets what `unknown_machines` says, whatever
 * rules match it. The profile is the entry's, else that of the first matching rule, else the default one.
 *
 * `facts` is what the machine told so far. `indexOf` is asked for its index, once what it told suffices to choose the
 * profile for good. A machine without a name of its own is called after profile and index (`worker-01`), or after its
 * hardware address while it has no index. Pure but for `indexOf`, and cheap enough for every DHCP packet.
 */
export function identify(
  config: Config,
  mac: Mac,
  facts: MachineFacts = {},
  indexOf?: IndexSource,
): Identity {
  const written = config.machines.get(mac);
  if (!written && config.unknownMachines !== 'boot') {
    const reason = `no entry in machines/, and unknown_machines is ${config.unknownMachines}`;
    return { admission: config.unknownMachines, mac, hostname: plainHostname(mac), reason };
  }
  const entry = written ?? { mac, labels: {}, adoptDisk: false };
  const { name, reason, labels, settled } = chooseProfile(config, entry, facts);
  const profile = config.profiles.get(name);
  if (!profile) throw new Error(`profile ${name} is not in the configuration`);
  const owners = ownersOf(config);
  const isFree = (index: number) => (owners.get(indexedHostname(name, index)) ?? mac) === mac;
  const preferred = entry.hostname === undefined ? undefined : indexInHostname(name, entry.hostname);
  const index =
    settled && indexOf
      ? indexOf({ profile: name, mac, isFree, ...(preferred !== undefined && { preferred }) })
      : undefined;
  // Somebody may have given the name to another machine since this one got its index.
  const numbered = index !== undefined && isFree(index) ? indexedHostname(name, index) : undefined;
  return {
    admission: 'boot',
    mac,
    hostname: entry.hostname ?? numbered ?? plainHostname(mac),
    profile,
    reason,
    entry,
    labels,
    ...(index !== undefined && { index }),
  };
}

interface ProfileChoice {
  readonly name: string;
  readonly reason: string;
  readonly labels: Readonly<Record<string, string>>;
  /** False while the machine has yet to tell what a rule asks for. */
  readonly settled: boolean;
}

function chooseProfile(config: Config, entry: MachineEntry, facts: MachineFacts): ProfileChoice {
  const { labels } = entry;
  if (entry.profile !== undefined) {
    return { name: entry.profile, reason: entry.place ?? 'its entry in machines/', labels, settled: true };
  }
  const { rule, reason = 'default_profile', settled } = chooseRule(config, entry.mac, facts);
  if (!rule) return { name: config.defaultProfile, reason, labels, settled };
  return { name: rule.profile, reason, labels: { ...rule.labels, ...labels }, settled };
}

const owners = new WeakMap<Config, ReadonlyMap<string, Mac>>();

/** Which machine was given a host name in machines/. */
function ownersOf(config: Config): ReadonlyMap<string, Mac> {
  let names = owners.get(config);
  if (!names) {
    names = new Map(
      [...config.machines.values()].flatMap(({ hostname, mac }) => (hostname ? [[hostname, mac]] : [])),
    );
    owners.set(config, names);
  }
  return names;
}

/** A name for a machine that has no other: stable, and a valid DNS-1123 label. */
function plainHostname(mac: Mac): string {
  return `node-${macToHyphens(mac).replaceAll('-', '')}`;
}
