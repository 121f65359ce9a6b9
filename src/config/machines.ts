import { contains, formatIpv4, type Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import type { MachineEntry, Network } from './config.ts';
import { formatSubnet, hostFault } from './networks.ts';
import { formatPath, type Path, type Problem } from './problem.ts';
import { type MachineInput, MachineSchema, MachinesSchema } from './schema.ts';
import { schemaChecker } from './validate.ts';
import type { YamlFile } from './yaml.ts';

const fileChecker = schemaChecker(MachinesSchema);
const entryChecker = schemaChecker(MachineSchema);

/** A machine, and where it was written down. */
export interface PlacedMachine {
  readonly entry: MachineEntry;
  readonly file: YamlFile;
  readonly path: Path;
}

/**
 * Reads the entries of one machines file. A file without any, or with all of them commented out, holds no machines.
 */
export function readMachines(file: YamlFile): { machines: PlacedMachine[]; problems: Problem[] } {
  const written = withoutNothing(file.value);
  const problems = fileChecker.problems(file, [], written);
  const entries =
    typeof written === 'object' && written !== null && 'machines' in written ? written.machines : [];
  const machines = (Array.isArray(entries) ? entries : []).flatMap((entry: unknown, index) => {
    const input = entryChecker.decode(entry);
    return input ? [{ entry: resolveMachine(input), file, path: ['machines', index] }] : [];
  });
  return { machines, problems };
}

function withoutNothing(value: unknown): unknown {
  if (value === undefined || value === null) return { machines: [] };
  if (typeof value === 'object' && 'machines' in value && value.machines === null)
    return { ...value, machines: [] };
  return value;
}

function resolveMachine({
  mac,
  hostname,
  profile,
  address,
  loader,
  labels = {},
}: MachineInput): MachineEntry {
  return {
    mac,
    ...(hostname === undefined ? {} : { hostname }),
    ...(profile === undefined ? {} : { profile }),
    ...(address === undefined ? {} : { address }),
    ...(loader === undefined ? {} : { loader }),
    labels,
  };
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
    once(macs, 'mac', entry.mac, entry.mac);
    once(hostnames, 'hostname', entry.hostname, entry.hostname ?? '');
    if (entry.address !== undefined) {
      once(addresses, 'address', entry.address, formatIpv4(entry.address));
      const fault = addressFault(entry.address, around);
      if (fault) report('address', ...fault);
    }
    if (entry.profile !== undefined && !around.profiles.includes(entry.profile)) {
      report('profile', `there is no profile ${entry.profile}`, expectedProfile(around.profiles));
    }
  }
  return problems;
}

/** Names the profiles there are, for somebody who named another. */
export function expectedProfile(profiles: readonly string[]): string {
  return profiles.length > 0 ? `one of ${profiles.join(', ')}` : 'a file in profiles/ first, there is none';
}

/** Why an address can't be reserved, and what could be. */
function addressFault(
  address: Ipv4,
  { networks, networksComplete }: MachineSurroundings,
): [message: string, expected?: string] | undefined {
  const network = networks.find(({ subnet }) => contains(subnet, address));
  if (!network) {
    if (!networksComplete) return undefined;
    const subnets = networks.map(({ subnet }) => formatSubnet(subnet)).join(', ');
    return [`${formatIpv4(address)} is outside every network`, `an address in ${subnets}`];
  }
  if (address === network.address) return [`${formatIpv4(address)} is our own address on ${network.name}`];
  if (address === network.dhcp.router) return [`${formatIpv4(address)} is the router of ${network.name}`];
  const fault = hostFault(network.subnet, address);
  return fault === undefined ? undefined : [fault];
}

/** `machines[0] in machines/rack-1.yaml:12` */
function placeOf({ file, path }: PlacedMachine): string {
  return `${formatPath(path)} in ${file.name}:${file.line(path)}`;
}
