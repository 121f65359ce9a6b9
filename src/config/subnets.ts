import { type AddressRange, contains, formatIpv4, formatRange, type Subnet } from '../net/ipv4.ts';
import type { AddressSettings, DhcpSettings, RelayedSettings, SubnetSettings } from './config.ts';
import { encodeOptions, toRoutes } from './dhcp-options.ts';
import { formatPath, type Path, type Problem } from './problem.ts';
import type { NetworkInput } from './schema.ts';
import { formatHosts, formatSubnet, holds, hostFault } from './subnet-text.ts';
import type { YamlFile } from './yaml.ts';

/** A range of addresses, and where it was written down. */
export interface PlacedRange {
  readonly range: AddressRange;
  readonly path: Path;
}

/** A subnet, and where it was written down. */
export interface PlacedSubnet {
  readonly subnet: Subnet;
  readonly path: Path;
  readonly ranges: readonly PlacedRange[];
}

/** What one network serves besides the subnet of its interface. */
export interface FurtherSubnets {
  readonly shared: readonly SubnetSettings[];
  readonly relayed: readonly RelayedSettings[];
  readonly placed: readonly PlacedSubnet[];
  readonly problems: readonly Problem[];
}

type Mapping = Readonly<Record<string, unknown>>;
type SubnetInput = NonNullable<NetworkInput['shared']>[number];
type RelayedInput = NonNullable<NetworkInput['relayed']>[number];

/**
 * Resolves `shared` and `relayed` of the network at `path` of `file`; `written` is the network as it stands there. What a
 * subnet doesn't say is taken from `dhcp`, but for what belongs to one subnet: router and routes.
 */
export function resolveSubnets(
  file: YamlFile,
  path: Path,
  input: NetworkInput,
  written: Mapping,
  dhcp: DhcpSettings,
): FurtherSubnets {
  const placed: PlacedSubnet[] = [];
  const problems: Problem[] = [];

  const resolve = (subnet: SubnetInput, at: Path, raw: Mapping): SubnetSettings => {
    const optionPlace = (key: string) => ({ file, path: [...at, 'options', key] });
    const encoded = encodeOptions(raw.options, optionPlace, subnet);
    const settings = inherit(subnet, encoded.options, dhcp);
    const ranges = settings.ranges.map((range, index) => ({
      range,
      path: Array.isArray(raw.range) ? [...at, 'range', index] : [...at, 'range'],
    }));
    placed.push({ subnet: subnet.subnet, path: [...at, 'subnet'], ranges });
    problems.push(...encoded.problems, ...checkSubnet(file, at, settings, ranges));
    return settings;
  };
  const resolveAll = (subnets: readonly SubnetInput[] = [], at: Path, raw: unknown) =>
    subnets.map((subnet, index) => resolve(subnet, [...at, index], mappingIn(raw, index)));
  const resolveRelayed = (relayed: RelayedInput, index: number): RelayedSettings => {
    const at = [...path, 'relayed', index];
    const raw = mappingIn(written.relayed, index);
    return {
      ...resolve(relayed, at, raw),
      relays: relayed.relays ?? [],
      shared: resolveAll(relayed.shared, [...at, 'shared'], raw.shared),
    };
  };

  return {
    shared: resolveAll(input.shared, [...path, 'shared'], written.shared),
    relayed: (input.relayed ?? []).map(resolveRelayed),
    placed,
    problems,
  };
}

function mappingIn(list: unknown, index: number): Mapping {
  return Array.isArray(list) ? (list[index] as Mapping) : {};
}

function inherit(
  subnet: SubnetInput,
  options: ReadonlyMap<number, Uint8Array>,
  dhcp: DhcpSettings,
): SubnetSettings {
  // Times of another lease mean nothing here.
  const times: Pick<DhcpSettings, 'renewal' | 'rebinding'> = subnet.lease === undefined ? dhcp : {};
  const { renew = times.renewal, rebind = times.rebinding, domain = dhcp.domain } = subnet;
  return {
    subnet: subnet.subnet,
    ranges: [subnet.range].flat(),
    lease: subnet.lease ?? dhcp.lease,
    ...(renew !== undefined && { renewal: renew }),
    ...(rebind !== undefined && { rebinding: rebind }),
    ...(subnet.router !== undefined && { router: subnet.router }),
    dns: subnet.dns ?? dhcp.dns,
    ntp: subnet.ntp ?? dhcp.ntp,
    ...(domain !== undefined && { domain }),
    search: subnet.search ?? dhcp.search,
    routes: toRoutes(subnet.routes ?? []),
    options: new Map([...dhcp.options, ...options]),
  };
}

/** Says what is wrong with `renew` and `rebind`: a lease is renewed before it is rebound, and rebound before it ends. */
export function checkTimes(
  { lease, renewal, rebinding }: AddressSettings,
  report: (key: string, message: string, expected: string) => void,
): void {
  if (rebinding !== undefined && rebinding >= lease) {
    report('rebind', `${rebinding} s is not before the lease ends`, `less than the ${lease} s of the lease`);
  }
  const end = rebinding ?? Math.floor((lease * 7) / 8);
  if (renewal !== undefined && renewal >= end) {
    report('renew', `${renewal} s is not before rebind`, `less than ${end} s`);
  }
}

function checkSubnet(
  file: YamlFile,
  path: Path,
  settings: SubnetSettings,
  ranges: readonly PlacedRange[],
): Problem[] {
  const { subnet, router, routes } = settings;
  const problems: Problem[] = [];
  const report = (at: Path, message: string, expected?: string) =>
    void problems.push(file.problem(at, message, expected));
  if (subnet.prefix < 8 || subnet.prefix > 30) {
    report(
      [...path, 'subnet'],
      `a /${subnet.prefix} network is of no use here`,
      'a prefix length from 8 to 30',
    );
    return problems;
  }
  const hosts = formatHosts(subnet);
  const routers: [Path, typeof router][] = [
    [['router'], router],
    ...routes.map((route, index): [Path, typeof router] => [['routes', index, 'via'], route.router]),
  ];
  for (const [key, address] of routers) {
    const fault = address === undefined ? undefined : hostFault(subnet, address);
    if (fault !== undefined) report([...path, ...key], fault, `one of ${hosts}`);
  }
  checkTimes(settings, (key, message, expected) => report([...path, key], message, expected));
  for (const { range, path: at } of ranges) {
    if (!contains(subnet, range.first) || !contains(subnet, range.last)) {
      report(at, `${formatRange(range)} is outside ${formatSubnet(subnet)}`, `addresses in ${hosts}`);
      continue;
    }
    for (const taken of [subnet.network, subnet.broadcast, router]) {
      if (taken !== undefined && holds(range, taken)) {
        const what = taken === router ? 'the router' : 'an address that no host can have';
        report(at, `${formatRange(range)} holds ${what}, ${formatIpv4(taken)}`, 'a range without it');
      }
    }
  }
  return problems;
}

/** What is wrong with further subnets beside those of the interfaces, which were compared before, and one another. */
export function compareSubnets(
  file: YamlFile,
  own: readonly PlacedSubnet[],
  further: readonly PlacedSubnet[],
): Problem[] {
  return further.flatMap(({ subnet, path, ranges }, index) => {
    const problems: Problem[] = [];
    for (const other of [...own, ...further.slice(0, index)]) {
      if (!contains(other.subnet, subnet.network) && !contains(subnet, other.subnet.network)) continue;
      const message = `${formatSubnet(subnet)} overlaps ${formatSubnet(other.subnet)} of ${formatPath(other.path)}`;
      problems.push(file.problem(path, message, 'subnets that share no address'));
    }
    for (const [at, { range, path: place }] of ranges.entries()) {
      const other = ranges
        .slice(0, at)
        .find(({ range: r }) => range.first <= r.last && r.first <= range.last);
      if (!other) continue;
      const message = `${formatRange(range)} overlaps ${formatRange(other.range)} of ${formatPath(other.path)}`;
      problems.push(file.problem(place, message));
    }
    return problems;
  });
}

/** Every subnet of a network with its addresses, that of the interface first. */
export function subnetsOf(network: {
  readonly subnet: Subnet;
  readonly dhcp: AddressSettings;
  readonly shared: readonly SubnetSettings[];
  readonly relayed: readonly RelayedSettings[];
}): readonly SubnetSettings[] {
  const { subnet, dhcp, shared, relayed } = network;
  return [{ ...dhcp, subnet }, ...shared, ...relayed.flatMap((link) => [link, ...link.shared])];
}
