import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Network } from '../config/config.ts';
import { type Ipv4, LIMITED_BROADCAST, UNSPECIFIED } from '../net/ipv4.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import { readIptables } from './iptables.ts';
import { readNft } from './nft.ts';
import { type ArrivingPacket, decideFate, type InputChain } from './packet-filter.ts';
import { servedPorts } from './ports.ts';

const run = promisify(execFile);

/** The firewall of this host, or why it can't be read. */
export type Firewall =
  | { readonly chains: readonly InputChain[] }
  | { readonly unreadable: string; readonly advice: string };

/** A large ruleset, bytes. */
const MAX_OUTPUT = 64 * 2 ** 20;
/** A port that the kernel gives to a transfer (ip_local_port_range). */
const TRANSFER_PORT = 40_000;
const CLIENT_PORT = 2_070;

/** Reads what the kernel filters, by nft or else by iptables-save: whichever is installed sees the rules of both. */
export async function readFirewall(): Promise<Firewall> {
  for (const [argv, read] of [
    [['nft', '-j', 'list', 'ruleset'], readNft],
    [['iptables-save'], readIptables],
  ] as const) {
    const [program, ...options] = argv;
    try {
      const { stdout } = await run(program, options, { maxBuffer: MAX_OUTPUT });
      return { chains: read(stdout) };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT')
        return {
          unreadable: `${program}: ${message.split('\n').at(-2) ?? message}`,
          advice: 'run this as root',
        };
    }
  }
  return {
    unreadable: 'neither nft nor iptables-save is installed',
    advice: 'install the package nftables to have the firewall looked at',
  };
}

/** Whether the firewall lets in what the machines of a network send us. */
export function checkFirewall(firewall: Firewall, network: Network): Finding[] {
  const subject = `firewall for ${network.interface}`;
  if ('unreadable' in firewall) return [warn(subject, firewall.unreadable, firewall.advice)];
  const findings = arrivals(network).flatMap(([what, packet]): Finding[] => {
    const fate = decideFate(firewall.chains, packet);
    if (fate.type === 'accept') return [];
    const rule = `iifname ${network.interface} ${packet.protocol} dport ${packet.destinationPort} accept`;
    if (fate.type === 'drop')
      return [fail(subject, `${what} is dropped by ${fate.chain}`, `let it in: ${rule}`)];
    return [
      warn(
        subject,
        `${fate.chain} may drop ${what}: not all of its rules are understood`,
        `look whether it has ${rule}`,
      ),
    ];
  });
  return findings.length > 0 ? findings : [ok(subject, 'it lets everything in that machines send')];
}

/** What machines send, by what it is. */
function arrivals(network: Network): readonly (readonly [what: string, packet: ArrivingPacket])[] {
  const ours = network.address;
  const machine = (network.dhcp.ranges[0]?.first ?? network.subnet.network + 1) as Ipv4;
  const from = { interface: network.interface, source: machine, destination: ours, sourcePort: CLIENT_PORT };
  const requests = servedPorts(network).map(({ protocol, port, service }): [string, ArrivingPacket] => [
    `${service} (${protocol.toUpperCase()} ${port})`,
    { ...from, protocol, destinationPort: port, state: 'new' },
  ]);
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
    [
      'TFTP from the second packet on (answers to a port of ours)',
      { ...from, protocol: 'udp', destinationPort: TRANSFER_PORT, state: 'established' },
    ],
  ];
}
