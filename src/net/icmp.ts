import { type Ipv4, ipv4FromBytes } from './ipv4.ts';

/** The type of an ICMP echo reply (RFC 792). */
export const ECHO_REPLY = 0;
const ECHO_REQUEST = 8;
const HEADER = 8;

/** An echo request without data. `identifier` is 16 bits, and comes back in the reply. */
export function echoRequest(identifier: number): Buffer {
  const bytes = Buffer.alloc(HEADER);
  bytes[0] = ECHO_REQUEST;
  bytes.writeUInt16BE(identifier, 4);
  bytes.writeUInt16BE(checksum(bytes), 2);
  return bytes;
}

/** The sender of an echo reply in an IPv4 packet; undefined for any other packet, or with another identifier. */
export function readEchoReply(packet: Uint8Array, identifier: number): Ipv4 | undefined {
  const start = ((packet[0] ?? 0) & 0x0f) * 4;
  if (packet.length < start + HEADER || start < 20 || packet[start] !== ECHO_REPLY) return undefined;
  const own = ((packet[start + 4] as number) << 8) | (packet[start + 5] as number);
  return own === identifier ? ipv4FromBytes(packet, 12) : undefined;
}

/** RFC 1071, of an even number of bytes whose checksum field is zero. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
