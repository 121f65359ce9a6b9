import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Network } from '../config/config.ts';
import { type Ipv4, LIMITED_BROADCAST, UNSPECIFIED } from '../net/ipv4.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import { readIptables } from './iptables.ts';
import { readNft } from './nft.ts';
import { type ArrivingPacket, decideFate, type InputChain } from './packet-filter.ts';
import { type ServedPort, servedPorts } from './ports.ts';

const run = promisify(execFile);

/** The firewall of this host, or why it can't be read. */
export type Firewall =
  | { readonly chains: readonly InputChain[] }
  | { readonly unreadable: string; readonly advice: string };

/** A large ruleset, bytes. */
const MAX_OUTPUT = 64 * 2 ** 20;
/** Started by npm, another program called nft may come first, and of people's own paths some lack /usr/sbin. */
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** A port that the kernel gives to a transfer (ip_local_port_range). */
const TRANSFER_PORT = 40_000;
const CLIENT_PORT = 2_070;

/**
 * Reads what the kernel filters. nft sees the tables of iptables-nft too, but not what the extensions in them mean, so these
 * are read in iptables' own words where it is installed; the older kind of iptables has tables that nobody else sees.
 */
export async function readFirewall(): Promise<Firewall> {
  try {
    const nft = await print('nft', '-j', 'list', 'ruleset');
    const listing = nft === undefined ? undefined : await print('nft', '-a', 'list', 'ruleset');
    const iptables = (await print('iptables-nft-save')) ?? (await print('iptables-save'));
    const legacy = hasLegacyTables() ? await print('iptables-legacy-save') : undefined;
    if (nft === undefined && iptables === undefined) {
      return {
        unreadable: 'neither nft nor iptables-save is installed',
        advice: 'install the package nftables to have the firewall looked at',
      };
    }
    return {
      chains: mergeChains([
        readIptables(iptables ?? ''),
        readIptables(legacy ?? '', 'iptables-legacy'),
        readNft(nft ?? '{}', listing),
      ]),
    };
  } catch (error) {
    return { unreadable: (error as Error).message, advice: 'run this as root' };
  }
}

/** What a program prints; undefined when it isn't installed. Throws an Error for people. */
async function print(program: string, ...options: readonly string[]): Promise<string | undefined> {
  try {
    return (await run(program, options, { maxBuffer: MAX_OUTPUT, env: { PATH: SYSTEM_PATH } })).stdout;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new Error(`${program}: ${message.split('\n').at(-2) ?? message}`);
  }
}

/** Asked first, because iptables-legacy-save makes tables where there are none. */
function hasLegacyTables(): boolean {
  try {
    return readFileSync('/proc/net/ip_tables_names', 'utf8') !== '';
  } catch {
    return false;
  }
}

/** Of chains that several programs tell of, those of the first. */
export function mergeChains(told: readonly (readonly InputChain[])[]): InputChain[] {
  const chains = new Map<string, InputChain>();
  for (const chain of told.flat()) if (!chains.has(chain.name)) chains.set(chain.name, chain);
  return [...chains.values()];
}

/**
 * Whether the firewall lets in what the machines of a network send us. `further` are ports that others than the servers of the
 * network listen on.
 */
export function checkFirewall(
  firewall: Firewall,
  network: Network,
  further: readonly ServedPort[] = [],
): Finding[] {
  const subject = `firewall for ${network.interface}`;
  if ('unreadable' in firewall) return [warn(subject, firewall.unreadable, firewall.advice)];
  const findings = arrivals(network, further).flatMap(([what, packet]): Finding[] => {
    const fate = decideFate(firewall.chains, packet);
    if (fate.type === 'accept') return [];
    const rule = `iifname ${network.interface} ${packet.protocol} dport ${packet.destinationPort} accept`;
    if (fate.type === 'drop') {
      const because = fate.rule === undefined ? 'no rule lets it in' : `by the rule ${fate.rule}`;
      return [fail(subject, `${what} is dropped by ${fate.chain}: ${because}`, `let it in: ${rule}`)];
    }
    return [
      warn(
        subject,
        `${fate.chain} may drop ${what}: that hangs on a rule that can't be read here: ${fate.rule}`,
        `look whether it has ${rule} before`,
      ),
    ];
  });
  return findings.length > 0 ? findings : [ok(subject, 'it lets everything in that machines send')];
}

/** What machines send, by what it is. */
function arrivals(
  network: Network,
  further: readonly ServedPort[],
): readonly (readonly [what: string, packet: ArrivingPacket])[] {
  const ours = network.address;
  const machine = (network.dhcp.ranges[0]?.first ?? network.subnet.network + 1) as Ipv4;
  const from = { interface: network.interface, source: machine, destination: ours, sourcePort: CLIENT_PORT };
  const ports = [...servedPorts(network), ...further];
  const requests = ports.map(({ protocol, port, service }): [string, ArrivingPacket] => [
    `${service} (${protocol.toUpperCase()} ${port})`,
    { ...from, protocol, destinationPort: port, state: 'new' },
  ]);
  const transfer: readonly [string, ArrivingPacket] = [
    'TFTP from the second packet on (answers to a port of ours)',
    { ...from, protocol: 'udp', destinationPort: TRANSFER_PORT, state: 'established' },
  ];
  return [
    [
      'DHCP of machines without an address (UDP 67)',
      {
        ...from,
        protocol: 'udp',
        source: UNSPECIFIED,
        destination: LIMITED_BROADCAST,
        sourcePort: 68,
        destinationPort: 67,
        state: 'new',
      },
    ],
    ...requests,
    ...(network.tftp.singlePort ? [] : [transfer]),
  ];
}
