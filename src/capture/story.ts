import { describeClient } from '../dhcp/client.ts';
import type { DhcpMode } from '../dhcp/other-servers.ts';
import { type DhcpPacket, decodePacket, type Malformed, OP } from '../dhcp/packet.ts';
import { formatIpv4, type Ipv4, UNSPECIFIED } from '../net/ipv4.ts';
import type { Capture, Frame } from './capture.ts';
import type { CaptureContext, CaptureEntry, Said } from './context.ts';
import { describeReply, describeRequest, describeSender, nameMessage, serverOf } from './describe.ts';
import { isKnownLink, readDatagram, type UdpDatagram } from './frame.ts';
import { TransferStory } from './transfers.ts';

const PORT = { dhcpServer: 67, dhcpClient: 68, bootServer: 4011 } as const;
const DHCP_PORTS: ReadonlySet<number> = new Set(Object.values(PORT));

const MALFORMED: Readonly<Record<Malformed, string>> = {
  short: 'too short for a DHCP message',
  op: 'neither request nor reply',
  'hardware-type': 'not from Ethernet',
  chaddr: 'its hardware address can be nobody’s',
  options: 'an option runs past the end of the message',
  'relay-information': 'its relay agent information (option 82) is longer than one option',
};

/** What another server that gives addresses is to us. */
const OTHER_SERVER: Readonly<Record<DhcpMode, string>> = {
  authoritative:
    'two servers answer: a machine takes either; stop that server, or let it give the addresses with dhcp.mode: proxy',
  auto: 'when it is heard, we leave the addresses to it (dhcp.mode: auto)',
  proxy: 'as it should be: that server gives the addresses, and we tell what to boot',
};

/** Servers that are remembered; a capture with more than these is an attack, and is told packet by packet all the same. */
const MAX_SERVERS = 256;

/**
 * Tells what is in a capture, packet by packet: those of DHCP, PXE and TFTP; the others are passed over. Ends with a summary,
 * whose lines `finish` is given.
 */
export function* tellCapture(
  capture: Capture,
  context: CaptureContext,
  finish: (summary: readonly string[]) => void,
): Generator<CaptureEntry> {
  const servers = new Map<Ipv4, Set<string>>();
  const transfers = new TransferStory(context);
  const machines = new Map<string, Set<string>>();
  let told = 0;
  for (const [index, frame] of capture.frames.entries()) {
    const datagram = readDatagram(frame);
    const said = datagram && tellDatagram(datagram);
    if (!datagram || !said) continue;
    told += 1;
    const vlan = datagram.vlans.length > 0 ? ` [VLAN ${datagram.vlans.join(' in ')}]` : '';
    yield {
      number: index + 1,
      at: frame.at,
      title: `${sourceOf(datagram)} → ${destinationOf(datagram)}${vlan}  ${said.title}`,
      lines: said.lines,
    };
  }
  finish(summarise());

  function tellDatagram(datagram: UdpDatagram): Said | undefined {
    const { sourcePort, destinationPort } = datagram;
    if (!DHCP_PORTS.has(destinationPort) && !DHCP_PORTS.has(sourcePort)) return transfers.tell(datagram);
    const packet = decodePacket(datagram.payload);
    if (typeof packet === 'string') {
      const why = datagram.missing > 0 ? 'the recording cut it: use tcpdump -s 0' : MALFORMED[packet];
      return { title: 'not a DHCP message that can be read', lines: [`${why}; a server drops it`] };
    }
    return packet.op === OP.bootRequest ? tellRequest(packet, datagram) : tellReply(packet, datagram);
  }

  function tellRequest(packet: DhcpPacket, datagram: UdpDatagram): Said {
    const client = describeClient(packet);
    const booter = context.recognise(client);
    if (booter && machines.size < MAX_SERVERS) remember(machines, client.mac, booter.name);
    const about = describeRequest(packet);
    const bootServer = datagram.destinationPort === PORT.bootServer ? ' to the PXE boot server' : '';
    const title = `${nameMessage(packet)}${bootServer} from ${client.mac}${about === '' ? '' : `: ${about}`}`;
    const lines = [`it is ${describeSender(client, booter, packet)}`];
    if (datagram.destinationPort === PORT.dhcpClient) return { title, lines };
    const { reply, address, notes } = context.answer(packet, datagram);
    if (reply) lines.push(`we would answer ${nameMessage(reply)}: ${describeReply(reply, address)}`);
    return {
      title,
      lines: [...lines, ...notes.map((note) => (reply ? note : `we would not answer: ${note}`))],
    };
  }

  function tellReply(packet: DhcpPacket, { source }: UdpDatagram): Said {
    const name = nameMessage(packet);
    const server = serverOf(packet) ?? source;
    const title = `${name} for ${packet.chaddr}`;
    const gives = `${name} gives ${describeReply(packet)}`;
    // A relay passes on what the server said, so the identifier counts, not where the message comes from.
    if (context.ours.has(server)) return { title, lines: [`from us: ${gives}`] };
    if (servers.has(server) || servers.size < MAX_SERVERS) remember(servers, server, name);
    return { title, lines: [`from another server, ${formatIpv4(server)}: ${gives}`, verdict(packet)] };
  }

  /** What it means that another server has answered. */
  function verdict({ yiaddr }: DhcpPacket): string {
    if (yiaddr === UNSPECIFIED) {
      return 'it gives no address: a proxy or a boot server; with two of them a machine boots from either';
    }
    return OTHER_SERVER[context.mode];
  }

  function summarise(): string[] {
    const lines = [`${told} of ${capture.frames.length} packets are DHCP, PXE or TFTP`];
    for (const [mac, names] of machines) lines.push(`${mac} came as ${[...names].join(', then ')}`);
    for (const [server, names] of servers) {
      lines.push(`another server answers: ${formatIpv4(server)} (${[...names].join(', ')})`);
    }
    const unread = unreadLinks(capture.frames);
    if (unread.length > 0) lines.push(`frames of link type ${unread.join(', ')} can't be read`);
    if (capture.damage !== undefined)
      lines.push(`the file is damaged: ${capture.damage}; what comes after is lost`);
    return lines;
  }
}

function remember<Key>(into: Map<Key, Set<string>>, key: Key, name: string): void {
  const names = into.get(key);
  if (names) names.add(name);
  else into.set(key, new Set([name]));
}

function unreadLinks(frames: readonly Frame[]): number[] {
  return [...new Set(frames.map(({ linkType }) => linkType))].filter((type) => !isKnownLink(type));
}

function sourceOf({ source, from }: UdpDatagram): string {
  return source === UNSPECIFIED ? (from ?? formatIpv4(source)) : formatIpv4(source);
}

function destinationOf({ destination }: UdpDatagram): string {
  const text = formatIpv4(destination);
  return text === '255.255.255.255' ? 'broadcast' : text;
}
