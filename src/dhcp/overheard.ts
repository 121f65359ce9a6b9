import { type Ipv4, ipv4FromBytes, LIMITED_BROADCAST, UNSPECIFIED } from '../net/ipv4.ts';
import { type Mac, macToBytes } from '../net/mac.ts';
import { OPTION } from './options.ts';
import { BROADCAST_FLAG, type DhcpPacket, MESSAGE, messageType, OP } from './packet.ts';

/** Another DHCP server, as a reply of its to a machine, or to us, shows it. */
export interface Overheard {
  readonly server: Ipv4;
  /** The machine it has given an address to: that of an ACK. */
  readonly given?: { readonly mac: Mac; readonly address: Ipv4 };
}

/**
 * Reads a reply that was broadcast to clients. Undefined for one of ours, one without a server identifier, and one that
 * gives no address: another proxy's.
 */
export function readOverheard(packet: DhcpPacket, ours: Ipv4): Overheard | undefined {
  const identifier = packet.options.get(OPTION.serverIdentifier);
  const server = identifier?.length === 4 ? ipv4FromBytes(identifier) : UNSPECIFIED;
  if (packet.op !== OP.bootReply || packet.yiaddr === UNSPECIFIED) return undefined;
  if (server === ours || server === UNSPECIFIED || server === LIMITED_BROADCAST) return undefined;
  switch (messageType(packet)) {
    case MESSAGE.offer:
      return { server };
    case MESSAGE.ack:
      return { server, given: { mac: packet.chaddr, address: packet.yiaddr } };
    default:
      return undefined;
  }
}

/**
 * A DISCOVER of our own, to find other servers with: it asks for a broadcast answer, and for no boot file.
 * @param mac the interface's own hardware address
 */
export function probeDiscover(mac: Mac, xid: number): Buffer {
  const bytes = Buffer.alloc(300);
  bytes.set([OP.bootRequest, 1, 6], 0);
  bytes.writeUInt32BE(xid, 4);
  bytes.writeUInt16BE(BROADCAST_FLAG, 10);
  bytes.set(macToBytes(mac), 28);
  bytes.writeUInt32BE(0x63825363, 236);
  const wanted = [OPTION.subnetMask, OPTION.router];
  const type = [OPTION.messageType, 1, MESSAGE.discover];
  bytes.set([...type, OPTION.parameterRequestList, wanted.length, ...wanted, OPTION.end], 240);
  return bytes;
}
