import { type Ipv4, ipv4FromBytes } from './ipv4.ts';
import { type Mac, macFromBytes } from './mac.ts';

/** Ethernet type of ARP (RFC 826). */
export const ETHERTYPE_ARP = 0x0806;
const ETHERNET = 1;
const ETHERTYPE_IPV4 = 0x0800;
const REQUEST = 1;
const LENGTH = 28;

/**
 * An ARP probe (RFC 5227 §2.1.1): asks who has `target`. It names no address of its own sender, whose hardware address
 * is given as bytes, so that nobody learns a wrong one from it.
 */
export function arpProbe(sender: Uint8Array, target: Ipv4): Buffer {
  const bytes = Buffer.alloc(LENGTH);
  bytes.writeUInt16BE(ETHERNET, 0);
  bytes.writeUInt16BE(ETHERTYPE_IPV4, 2);
  bytes[4] = 6;
  bytes[5] = 4;
  bytes.writeUInt16BE(REQUEST, 6);
  bytes.set(sender.subarray(0, 6), 8);
  bytes.writeUInt32BE(target, 24);
  return bytes;
}

/** Who says in an ARP packet, request or reply, that it has an address; undefined when nobody does. */
export function readArp(bytes: Uint8Array): { readonly mac: Mac; readonly address: Ipv4 } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < LENGTH || view.getUint16(0) !== ETHERNET || view.getUint16(2) !== ETHERTYPE_IPV4)
    return undefined;
  if (bytes[4] !== 6 || bytes[5] !== 4) return undefined;
  const address = ipv4FromBytes(bytes, 14);
  return address === 0 ? undefined : { mac: macFromBytes(bytes, 8), address };
}
