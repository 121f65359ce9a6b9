import { textPattern } from '../machines/rules.ts';
import { contains, formatIpv4, type Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import type { MachineEntry, Network, Port, PortEntry, SelectionRule } from './config.ts';
import { encodeOptions } from './dhcp-options.ts';
import { formatPath, type Path, type Problem } from './problem.ts';
import { type MachineInput, MachineSchema, MachinesSchema, type RuleInput, RuleSchema } from './schema.ts';
import { didYouMean } from './similar.ts';
import { formatSubnet, hostFault } from './subnet-text.ts';
import { subnetsOf } from './subnets.ts';
import { schemaChecker } from './validate.ts';
import type { YamlFile } from './yaml.ts';

const fileChecker = schemaChecker(MachinesSchema);
const entryChecker = schemaChecker(MachineSchema);
const ruleChecker = schemaChecker(RuleSchema);

/** A machine or a port, and where it was written down. */
export interface PlacedMachine {
  readonly entry: MachineEntry | PortEntry;
  readonly file: YamlFile;
  readonly path: Path;
}

/** A rule, and where it was written down. */
export interface PlacedRule {
  readonly rule: SelectionRule;
  readonly file: YamlFile;
  readonly path: Path;
}

/** What one machines file holds. */
export interface MachinesFile {
  readonly machines: readonly PlacedMachine[];
  readonly rules: readonly PlacedRule[];
  readonly problems: readonly Problem[];
}

/** Reads one machines file. One without machines or rules, or with all of them commented out, holds none. */
export function readMachines(file: YamlFile): MachinesFile {
  const written = withoutNothing(file.value);
  const problems: Problem[] = [];
  const machines = listAt(written, 'machines').flatMap((raw, index) => {
    const path = ['machines', index];
    const input = entryChecker.decode(raw);
    if (!input) return [];
    const optionPlace = (key: string) => ({ file, path: [...path, 'dhcp', 'options', key] });
    const encoded = encodeOptions((raw as MachineInput).dhcp?.options, optionPlace);
    problems.push(...encoded.problems);
    const entry = resolveMachine(input, placeName(file, path), encoded.options);
    if (!entry) {
      const isMissing = 'port' in (raw as object) || !('mac' in (raw as object));
      if (isMissing) problems.push(file.problem([...path, 'mac'], ...identityFault(input)));
      return [];
    }
    return [{ entry, file, path }];
  });
  const rules = listAt(written, 'rules').flatMap((entry, index) => {
    const path = ['rules', index];
    const input = ruleChecker.decode(entry);
    return input ? [{ rule: resolveRule(input, placeName(file, path)), file, path }] : [];
  });
  // What is known better than by its form is told once.
  const told = new Set(problems.map(({ path }) => path));
  const malformed = fileChecker.problems(file, [], written).filter(({ path }) => !told.has(path));
  return { machines, rules, problems: [...malformed, ...problems] };
}

/** The file's value without lists that hold nothing. */
function withoutNothing(value: unknown): unknown {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([key, list]) => list !== null || !(key === 'machines' || key === 'rules')),
  );
}

function listAt(value: unknown, key: string): readonly unknown[] {
  const list = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : [];
  return Array.isArray(list) ? list : [];
}

/** `machines/rack-1.yaml: machines[0]` */
function placeName(file: YamlFile, path: Path): string {
  return `${file.name}: ${formatPath(path)}`;
}

/** What is wrong with an entry that isn't for one machine, or one port. */
function identityFault({ mac }: MachineInput): [message: string, expected: string] {
  return mac === undefined
    ? ['is missing', 'a MAC address, or a port']
    : ['has no meaning beside port', 'one of them'];
}

/** Undefined for an entry that is for no machine or port, or for both. */
function resolveMachine(
  input: MachineInput,
  place: string,
  options: ReadonlyMap<number, Uint8Array>,
): MachineEntry | PortEntry | undefined {
  const { mac, hostname, profile, address, loader, labels = {}, adopt_disk: adoptDisk = false } = input;
  const { pxe_reply: pxeReply } = input;
  const entry = {
    place,
    ...(hostname === undefined ? {} : { hostname }),
    ...(profile === undefined ? {} : { profile }),
    ...(address === undefined ? {} : { address }),
    ...(loader === undefined ? {} : { loader }),
    ...(pxeReply === undefined ? {} : { pxeReply }),
    labels,
    ...(options.size > 0 && { options }),
    adoptDisk,
  };
  const { port } = input;
  if ((mac === undefined) === (port === undefined)) return undefined;
  return mac === undefined ? { ...entry, port: port as Port } : { ...entry, mac };
}

function resolveRule({ match, profile, labels = {} }: RuleInput, place: string): SelectionRule {
  const { mac_prefix: macPrefix, ...rest } = match;
  return { place, match: { ...rest, ...(macPrefix !== undefined && { macPrefix }) }, profile, labels };
}

/** What the machines of all files are compared with. */
export interface MachineSurroundings {
  readonly networks: readonly Network[];
  /** True when `networks` is all of them: an address outside is then a mistake. */
  readonly networksComplete: boolean;
  /** Names of the profiles there are, broken ones included. */
  readonly profiles: readonly string[];
}

/** What is wrong with the machines taken together: what is given twice, and what doesn't exist. */
export function compareMachines(machines: readonly PlacedMachine[], around: MachineSurroundings): Problem[] {
  const problems: Problem[] = [];
  const macs = new Map<Mac, PlacedMachine>();
  const ports = new Map<string, PlacedMachine>();
  const hostnames = new Map<string, PlacedMachine>();
  const addresses = new Map<Ipv4, PlacedMachine>();
  for (const machine of machines) {
    const { entry, file, path } = machine;
    const report = (key: string, message: string, expected?: string) =>
      problems.push(file.problem([...path, key], message, expected));
    const once = <Value>(
      seen: Map<Value, PlacedMachine>,
      key: string,
      value: Value | undefined,
      text: string,
    ) => {
      if (value === undefined) return;
      const other = seen.get(value);
      if (other) report(key, `${text} is given twice, also to ${placeOf(other)}`);
      else seen.set(value, machine);
    };
    if ('mac' in entry) once(macs, 'mac', entry.mac, entry.mac);
    else once(ports, 'port', portKey(entry.port), 'the port');
    once(hostnames, 'hostname', entry.hostname, entry.hostname ?? '');
    if (entry.address !== undefined) {
      once(addresses, 'address', entry.address, formatIpv4(entry.address));
      const fault = addressFault(entry.address, around);
      if (fault) report('address', ...fault);
    }
    if (entry.profile !== undefined && !around.profiles.includes(entry.profile)) {
      report('profile', ...noProfile(entry.profile, around.profiles));
    }
  }
  return problems;
}

/** What is wrong with rules: networks and profiles that don't exist. */
export function compareRules(rules: readonly PlacedRule[], around: MachineSurroundings): Problem[] {
  const networks = around.networks.map(({ name }) => name);
  return rules.flatMap(({ rule, file, path }) => {
    const problems: Problem[] = [];
    const { match, profile } = rule;
    const matches = match.network === undefined ? undefined : textPattern(match.network);
    if (matches && around.networksComplete && !networks.some(matches)) {
      const message = `there is no network ${match.network}`;
      problems.push(file.problem([...path, 'match', 'network'], message, `one of ${networks.join(', ')}`));
    }
    if (!around.profiles.includes(profile)) {
      problems.push(file.problem([...path, 'profile'], ...noProfile(profile, around.profiles)));
    }
    return problems;
  });
}

/** What to say about a profile that doesn't exist: what is wrong, and what would be right. */
export function noProfile(name: string, profiles: readonly string[]): [message: string, expected: string] {
  const expected =
    profiles.length > 0 ? `one of ${profiles.join(', ')}` : 'a file in profiles/ first, there is none';
  return [`there is no profile ${name}${didYouMean(name, profiles)}`, expected];
}

/** Why an address can't be reserved, and what could be. */
function addressFault(
  address: Ipv4,
  { networks, networksComplete }: MachineSurroundings,
): [message: string, expected?: string] | undefined {
  const network = networks.find((candidate) =>
    subnetsOf(candidate).some(({ subnet }) => contains(subnet, address)),
  );
  const settings = network && subnetsOf(network).find(({ subnet }) => contains(subnet, address));
  if (!network || !settings) {
    if (!networksComplete) return undefined;
    const subnets = networks
      .flatMap(subnetsOf)
      .map(({ subnet }) => formatSubnet(subnet))
      .join(', ');
    return [`${formatIpv4(address)} is outside every network`, `an address in ${subnets}`];
  }
  if (address === network.address) return [`${formatIpv4(address)} is our own address on ${network.name}`];
  if (address === settings.router) return [`${formatIpv4(address)} is the router of ${network.name}`];
  const fault = hostFault(settings.subnet, address);
  return fault === undefined ? undefined : [fault];
}

/** A port as one text, the same for the same port. */
export function portKey({ circuit, remote }: Port): string {
  return JSON.stringify([remote ?? null, circuit ?? null]);
}

/** `machines[0] in machines/rack-1.yaml:12` */
function placeOf({ file, path }: PlacedMachine): string {
  return `${formatPath(path)} in ${file.name}:${file.line(path)}`;
}
