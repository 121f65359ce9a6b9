declare const brand: unique symbol;

/** An IPv4 address as the unsigned 32-bit number it is on the wire. */
export type Ipv4 = number & { readonly [brand]: 'Ipv4' };

export const UNSPECIFIED = 0 as Ipv4;
export const LIMITED_BROADCAST = 0xffffffff as Ipv4;

const DOTTED = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

/** Reads a dotted-quad address; undefined when `text` is anything else (leading zeros included). */
export function parseIpv4(text: string): Ipv4 | undefined {
  const parts = DOTTED.exec(text)?.slice(1);
  if (!parts) return undefined;
  let value = 0;
  for (const part of parts) {
    if (Number(part) > 255 || (part.length > 1 && part.startsWith('0'))) return undefined;
    value = value * 256 + Number(part);
  }
  return value as Ipv4;
}

/** Dotted-quad text of an address. */
export function formatIpv4(address: Ipv4): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** The address in the four bytes of `bytes` that start at `offset`, in network byte order. */
export function ipv4FromBytes(bytes: Uint8Array, offset = 0): Ipv4 {
  const at = (index: number) => bytes[offset + index] ?? 0;
  return (((at(0) << 24) | (at(1) << 16) | (at(2) << 8) | at(3)) >>> 0) as Ipv4;
}

/** A block of addresses that share a prefix (RFC 4632). */
export interface Subnet {
  /** First address of the block. */
  readonly network: Ipv4;
  /** Prefix length, 0 to 32. */
  readonly prefix: number;
  readonly mask: Ipv4;
  readonly broadcast: Ipv4;
}

/** The subnet of `prefix` bits that `address` lies in. */
export function subnetOf(address: Ipv4, prefix: number): Subnet {
  const mask = (prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0) as Ipv4;
  const network = ((address & mask) >>> 0) as Ipv4;
  return { network, prefix, mask, broadcast: ((network | ~mask) >>> 0) as Ipv4 };
}

/** Reads `192.168.0.254/24`: an interface's address together with its subnet. */
export function parseCidr(text: string): { address: Ipv4; subnet: Subnet } | undefined {
  const [host = '', length = '', ...rest] = text.split('/');
  const address = parseIpv4(host);
  if (address === undefined || rest.length > 0 || !/^\d{1,2}$/.test(length) || Number(length) > 32) {
    return undefined;
  }
  return { address, subnet: subnetOf(address, Number(length)) };
}

/** True when `address` lies in `subnet`. */
export function contains(subnet: Subnet, address: Ipv4): boolean {
  return (address & subnet.mask) >>> 0 === subnet.network;
}

/** An inclusive run of addresses. */
export interface AddressRange {
  readonly first: Ipv4;
  readonly last: Ipv4;
}

/** Reads `192.168.0.1-192.168.0.100`; undefined when malformed or when it runs backwards. */
export function parseRange(text: string): AddressRange | undefined {
  const [from = '', to = '', ...rest] = text.split('-');
  const first = parseIpv4(from.trim());
  const last = parseIpv4(to.trim());
  if (first === undefined || last === undefined || rest.length > 0 || last < first) return undefined;
  return { first, last };
}

/** `192.168.0.1-192.168.0.100` */
export function formatRange(range: AddressRange): string {
  return `${formatIpv4(range.first)}-${formatIpv4(range.last)}`;
}
