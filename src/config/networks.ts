import { contains, formatIpv4, formatRange, type Ipv4 } from '../net/ipv4.ts';
import type { Network, VendorSettings } from './config.ts';
import { encodeOptions, encodeVendorOptions, toRoutes } from './dhcp-options.ts';
import { formatPath, type Path, type Problem } from './problem.ts';
import { DEFAULTS, type NetworkInput, NetworkSchema } from './schema.ts';
import { formatHosts, formatSubnet, holds, hostFault } from './subnet-text.ts';
import {
  checkTimes,
  compareSubnets,
  type PlacedRange,
  type PlacedSubnet,
  resolveSubnets,
} from './subnets.ts';
import { schemaChecker } from './validate.ts';
import type { YamlFile } from './yaml.ts';

const checker = schemaChecker(NetworkSchema);

/** The networks that make sense, and what is wrong with them beyond their form. */
export interface NetworksResult {
  readonly networks: readonly Network[];
  /** False when some network could not be read, so that nothing can be said about what lies outside all of them. */
  readonly complete: boolean;
  readonly problems: readonly Problem[];
}

/** Resolves `networks` of rackseed.yaml, whose form was checked before, and compares them with one another. */
export function resolveNetworks(file: YamlFile, written: unknown): NetworksResult {
  const problems: Problem[] = [];
  const placed: PlacedNetwork[] = [];
  const entries = Array.isArray(written) ? written : [];
  for (const [index, entry] of entries.entries()) {
    const input = checker.decode(entry);
    if (!input) continue;
    const path = ['networks', index];
    const rawDhcp = (entry as { dhcp: Readonly<Record<string, unknown>> }).dhcp;
    const optionPlace = (key: string) => ({ file, path: [...path, 'dhcp', 'options', key] });
    const encoded = encodeOptions(rawDhcp.options, optionPlace, input.dhcp);
    const vendor = encodeVendorOptions(file, [...path, 'dhcp', 'vendor_options'], rawDhcp.vendor_options);
    const base = resolveNetwork(input, encoded.options, vendor.vendorOptions);
    const further = resolveSubnets(file, path, input, entry as Mapping, base.dhcp);
    const network = { ...base, shared: further.shared, relayed: further.relayed };
    const ranges = Array.isArray(rawDhcp.range)
      ? network.dhcp.ranges.map((range, at) => ({ range, path: [...path, 'dhcp', 'range', at] }))
      : network.dhcp.ranges.map((range) => ({ range, path: [...path, 'dhcp', 'range'] }));
    placed.push({ network, path, ranges, further: further.placed });
    problems.push(...encoded.problems, ...vendor.problems, ...further.problems);
    if (rawDhcp.range === undefined && input.dhcp.mode !== 'proxy') {
      const expected =
        'the addresses to lease, such as 192.168.0.1-192.168.0.100; only mode: proxy needs none';
      problems.push(file.problem([...path, 'dhcp', 'range'], 'is missing', expected));
    }
  }
  for (const [index, place] of placed.entries()) {
    const report = (path: Path, message: string, expected?: string) =>
      problems.push(file.problem([...place.path, ...path], message, expected));
    const before = placed.slice(0, index);
    checkAddresses(place.network, report);
    checkTimes(place.network.dhcp, (key, message, expected) => report(['dhcp', key], message, expected));
    compareNetworks(place.network, before, report);
    checkRanges(
      place,
      before.flatMap(({ ranges }) => ranges),
      (path, message, expected) => {
        problems.push(file.problem(path, message, expected));
      },
    );
  }
  problems.push(
    ...compareSubnets(
      file,
      placed.map(({ network: { subnet }, path, ranges }) => ({ subnet, path: [...path, 'address'], ranges })),
      placed.flatMap(({ further }) => further),
    ),
  );
  return {
    networks: placed.map(({ network }) => network),
    complete: placed.length === entries.length,
    problems,
  };
}

type Mapping = Readonly<Record<string, unknown>>;

interface PlacedNetwork {
  readonly network: Network;
  readonly path: Path;
  readonly ranges: readonly PlacedRange[];
  /** The other subnets that it serves. */
  readonly further: readonly PlacedSubnet[];
}

type Report = (path: Path, message: string, expected?: string) => void;

function resolveNetwork(
  input: NetworkInput,
  options: ReadonlyMap<number, Uint8Array>,
  vendorOptions: readonly VendorSettings[],
): Omit<Network, 'shared' | 'relayed'> {
  const { dhcp, tftp } = input;
  return {
    name: input.name,
    interface: input.interface,
    address: input.address.address,
    subnet: input.address.subnet,
    dhcp: {
      mode: dhcp.mode,
      ranges: [dhcp.range ?? []].flat(),
      lease: dhcp.lease ?? DEFAULTS.lease,
      quarantine: dhcp.quarantine ?? DEFAULTS.quarantine,
      bootp: dhcp.bootp ?? DEFAULTS.bootp,
      rapidCommit: dhcp.rapid_commit ?? DEFAULTS.rapidCommit,
      conflictCheck: dhcp.conflict_check ?? DEFAULTS.conflictCheck,
      vendorOptions,
      ...(dhcp.renew === undefined ? {} : { renewal: dhcp.renew }),
      ...(dhcp.rebind === undefined ? {} : { rebinding: dhcp.rebind }),
      ...(dhcp.router === undefined ? {} : { router: dhcp.router }),
      dns: dhcp.dns ?? [],
      ntp: dhcp.ntp ?? [],
      ...(dhcp.domain === undefined ? {} : { domain: dhcp.domain }),
      search: dhcp.search ?? [],
      routes: toRoutes(dhcp.routes ?? []),
      options,
    },
    http: { port: input.http?.port ?? DEFAULTS.httpPort },
    https: { port: input.https?.port ?? DEFAULTS.httpsPort },
    tftp: {
      ...(tftp?.blksize === undefined ? {} : { blksize: tftp.blksize }),
      singlePort: tftp?.single_port ?? DEFAULTS.singlePort,
    },
    syslog: { enabled: input.syslog?.enabled ?? DEFAULTS.syslog },
  };
}

function checkAddresses({ address, subnet, dhcp }: Network, report: Report): void {
  if (subnet.prefix < 8 || subnet.prefix > 30) {
    report(['address'], `a /${subnet.prefix} network is of no use here`, 'a prefix length from 8 to 30');
    return;
  }
  const hosts = `one of ${formatHosts(subnet)}`;
  const checkHost = (path: Path, host: Ipv4) => {
    const fault = hostFault(subnet, host);
    if (fault !== undefined) report(path, fault, hosts);
  };
  checkHost(['address'], address);
  if (dhcp.router !== undefined) checkHost(['dhcp', 'router'], dhcp.router);
  for (const [index, { router }] of dhcp.routes.entries())
    checkHost(['dhcp', 'routes', index, 'via'], router);
}

function compareNetworks(network: Network, before: readonly PlacedNetwork[], report: Report): void {
  for (const { network: other, path } of before) {
    const place = formatPath(path);
    if (other.name === network.name) report(['name'], `${network.name} is the name of ${place} too`);
    if (other.interface === network.interface) {
      report(['interface'], `${network.interface} is the interface of ${place} too`);
    }
    if (contains(other.subnet, network.subnet.network) || contains(network.subnet, other.subnet.network)) {
      report(
        ['address'],
        `${formatSubnet(network.subnet)} overlaps ${formatSubnet(other.subnet)} of ${place}`,
        'networks that share no address',
      );
    }
  }
}

function checkRanges(
  { network: { address, subnet, dhcp }, ranges }: PlacedNetwork,
  elsewhere: readonly PlacedRange[],
  report: Report,
): void {
  const special: [string, Ipv4 | undefined][] = [
    ["the network's own address", subnet.network],
    ['the broadcast address', subnet.broadcast],
    ['our own address', address],
    ['the router', dhcp.router === address ? undefined : dhcp.router],
  ];
  for (const [index, { range, path }] of ranges.entries()) {
    if (!contains(subnet, range.first) || !contains(subnet, range.last)) {
      report(
        path,
        `${formatRange(range)} is outside ${formatSubnet(subnet)}`,
        `addresses in ${formatHosts(subnet)}`,
      );
      continue;
    }
    for (const [what, taken] of special) {
      if (taken !== undefined && holds(range, taken)) {
        report(path, `${formatRange(range)} holds ${what}, ${formatIpv4(taken)}`, 'a range without it');
      }
    }
    for (const other of [...elsewhere, ...ranges.slice(0, index)]) {
      if (range.first <= other.range.last && other.range.first <= range.last) {
        report(
          path,
          `${formatRange(range)} overlaps ${formatRange(other.range)} of ${formatPath(other.path)}`,
        );
      }
    }
  }
}
