import { type Ipv4, ipv4FromBytes } from '../net/ipv4.ts';
import { type Mac, macFromBytes } from '../net/mac.ts';
import type { Frame } from './capture.ts';

/** A UDP datagram over IPv4, as it was recorded. */
export interface UdpDatagram {
  /** Hardware addresses; undefined where the link has none. */
  readonly from?: Mac;
  readonly to?: Mac;
  /** VLAN identifiers, the outermost first (IEEE 802.1Q, 802.1ad). */
  readonly vlans: readonly number[];
  readonly source: Ipv4;
  readonly sourcePort: number;
  readonly destination: Ipv4;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
  /** Bytes of the payload that the recording lacks: cut off, or in another fragment. */
  readonly missing: number;
}

/** Link types that are understood (tcpdump.org/linktypes.html). */
const LINK = { null: 0, ethernet: 1, raw: 101, linuxCooked: 113, ipv4: 228, linuxCooked2: 276 } as const;
const ETHERTYPE = { ipv4: 0x0800, vlan: 0x8100, serviceVlan: 0x88a8 } as const;
/** Stacked tags; more than these aren't seen in practice. */
const MAX_VLANS = 4;
const UDP = 17;
const UDP_HEADER = 8;

/** True when frames of this link type can be read. */
export function isKnownLink(linkType: number): boolean {
  return (Object.values(LINK) as number[]).includes(linkType);
}

/** The datagram in a frame; undefined for everything else, later fragments included. Never throws. */
export function readDatagram(frame: Frame): UdpDatagram | undefined {
  const link = readLink(frame);
  if (!link) return undefined;
  const { packet, ...head } = link;
  const first = packet[0] ?? 0;
  const headerLength = (first & 15) * 4;
  if (first >> 4 !== 4 || headerLength < 20 || packet.length < headerLength + UDP_HEADER) return undefined;
  const fragmentOffset = uint16(packet, 6) & 0x1fff;
  if (packet[9] !== UDP || fragmentOffset !== 0) return undefined;
  const udp = packet.subarray(headerLength);
  // Zero where the card cuts large packets itself (segmentation offload).
  const total = uint16(packet, 2) || packet.length;
  const length = Math.max(uint16(udp, 4), UDP_HEADER);
  const payload = udp.subarray(UDP_HEADER, Math.max(UDP_HEADER, Math.min(length, total - headerLength)));
  return {
    ...head,
    source: ipv4FromBytes(packet, 12),
    destination: ipv4FromBytes(packet, 16),
    sourcePort: uint16(udp, 0),
    destinationPort: uint16(udp, 2),
    payload,
    missing: length - UDP_HEADER - payload.length,
  };
}

type Link = Pick<UdpDatagram, 'from' | 'to' | 'vlans'> & { readonly packet: Uint8Array };

/** The IPv4 packet in a frame, and what the link says about it. */
function readLink({ linkType, bytes }: Frame): Link | undefined {
  switch (linkType) {
    case LINK.ethernet:
      return bytes.length < 14
        ? undefined
        : unwrap(bytes, 12, { to: macFromBytes(bytes, 0), from: macFromBytes(bytes, 6) });
    case LINK.linuxCooked:
      return bytes.length < 16 ? undefined : unwrap(bytes, 14, sender(bytes, 4, 6));
    case LINK.linuxCooked2:
      return bytes.length < 20 || uint16(bytes, 0) !== ETHERTYPE.ipv4
        ? undefined
        : { vlans: [], packet: bytes.subarray(20), ...sender(bytes, 11, 12) };
    case LINK.raw:
    case LINK.ipv4:
      return { vlans: [], packet: bytes };
    case LINK.null:
      return { vlans: [], packet: bytes.subarray(4) };
    default:
      return undefined;
  }
}

/** The sender's hardware address in a cooked frame: its length and its place. */
function sender(bytes: Uint8Array, lengthAt: number, at: number): { from?: Mac } {
  // One byte of the length is enough in both versions: the other one, in the older, is zero.
  const length = bytes[lengthAt === 4 ? 5 : lengthAt];
  return length === 6 ? { from: macFromBytes(bytes, at) } : {};
}

/** Takes VLAN tags off; `at` is where the first EtherType stands. */
function unwrap(bytes: Uint8Array, at: number, head: { from?: Mac; to?: Mac }): Link | undefined {
  const vlans: number[] = [];
  let position = at;
  for (;;) {
    const type = uint16(bytes, position);
    if (type === ETHERTYPE.ipv4) return { ...head, vlans, packet: bytes.subarray(position + 2) };
    if ((type !== ETHERTYPE.vlan && type !== ETHERTYPE.serviceVlan) || vlans.length >= MAX_VLANS)
      return undefined;
    if (position + 6 > bytes.length) return undefined;
    vlans.push(uint16(bytes, position + 2) & 0xfff);
    position += 4;
  }
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
