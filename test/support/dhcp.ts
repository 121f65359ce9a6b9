import type { DhcpNetwork } from '../../src/dhcp/network.ts';
import { OPTION } from '../../src/dhcp/options.ts';
import { type DhcpPacket, decodePacket, MESSAGE } from '../../src/dhcp/packet.ts';
import { type Ipv4, parseCidr, parseIpv4, parseRange, type Subnet, subnetOf } from '../../src/net/ipv4.ts';
import { type Mac, macToBytes, parseMac } from '../../src/net/mac.ts';

/** A network that is known to be well-formed. */
export function subnet(text: string): Subnet {
  const cidr = parseCidr(text);
  if (!cidr) throw new Error(`${text} is no network`);
  return cidr.subnet;
}

/** An address that is known to be well-formed. */
export function ip(text: string): Ipv4 {
  const address = parseIpv4(text);
  if (address === undefined) throw new Error(`${text} is not an address`);
  return address;
}

/** A hardware address that is known to be well-formed. */
export function mac(text: string): Mac {
  const address = parseMac(text);
  if (!address) throw new Error(`${text} is not a hardware address`);
  return address;
}

/** Machine number `n`: 52:54:00:00:00:NN. */
export function machine(n: number): Mac {
  return mac(`525400${n.toString(16).padStart(6, '0')}`);
}

export const SERVER = ip('192.168.0.254');

/** The network 192.168.0.0/24, leasing .1 to .100 for an hour. */
export function testNetwork(changes: Partial<DhcpNetwork> = {}): DhcpNetwork {
  const range = parseRange('192.168.0.1-192.168.0.100');
  return {
    address: SERVER,
    subnet: subnetOf(SERVER, 24),
    plan: { ranges: range ? [range] : [], reservations: new Map() },
    lease: 3600,
    quarantine: 600,
    bootp: 'drop',
    router: SERVER,
    dns: [SERVER],
    ntp: [],
    domain: 'kubernetes.local',
    search: [],
    routes: [],
    options: new Map(),
    ...changes,
  };
}

/** What a request says; the rest of the header is zero. */
export interface RequestFields {
  readonly op?: number;
  readonly chaddr?: Mac;
  readonly xid?: number;
  readonly secs?: number;
  readonly flags?: number;
  readonly ciaddr?: string;
  readonly giaddr?: string;
  readonly hardwareType?: number;
  /** Option 53; left out for BOOTP. */
  readonly type?: keyof typeof MESSAGE;
  readonly options?: readonly (readonly [code: number, value: Uint8Array])[];
}

/** The bytes of a request, as a client would send them. */
export function requestBytes(fields: RequestFields = {}): Buffer {
  const header = Buffer.alloc(240);
  header.writeUInt8(fields.op ?? 1, 0);
  header.writeUInt8(fields.hardwareType ?? 1, 1);
  header.writeUInt8(6, 2);
  header.writeUInt32BE(fields.xid ?? 0x12345678, 4);
  header.writeUInt16BE(fields.secs ?? 0, 8);
  header.writeUInt16BE(fields.flags ?? 0, 10);
  header.writeUInt32BE(ip(fields.ciaddr ?? '0.0.0.0'), 12);
  header.writeUInt32BE(ip(fields.giaddr ?? '0.0.0.0'), 24);
  header.set(macToBytes(fields.chaddr ?? machine(1)), 28);
  header.writeUInt32BE(0x63825363, 236);
  const options = [...(fields.options ?? [])];
  if (fields.type) options.unshift([OPTION.messageType, Uint8Array.of(MESSAGE[fields.type])]);
  const encoded = options.map(([code, value]) => Buffer.from([code, value.length, ...value]));
  return Buffer.concat([header, ...encoded, Buffer.of(OPTION.end)]);
}

/** A request as the server sees it. */
export function request(fields: RequestFields = {}): DhcpPacket {
  return decoded(requestBytes(fields));
}

/** The message in `bytes`; throws when they are none. */
export function decoded(bytes: Uint8Array): DhcpPacket {
  const packet = decodePacket(bytes);
  if (typeof packet === 'string') throw new Error(`malformed: ${packet}`);
  return packet;
}

/** Option 50 or 54 with an address. */
export function address(code: number, text: string): readonly [number, Uint8Array] {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(ip(text));
  return [code, bytes];
}

/** An option with text. */
export function text(code: number, value: string): readonly [number, Uint8Array] {
  return [code, Buffer.from(value, 'latin1')];
}
