import { type Ipv4, ipv4FromBytes } from '../net/ipv4.ts';
import { type Mac, macFromBytes } from '../net/mac.ts';
import { MAX_OPTION_LENGTH, OPTION } from './options.ts';

/** RFC 2131 §2 `op`. */
export const OP = { bootRequest: 1, bootReply: 2 } as const;

/** RFC 2132 §9.6, option 53. */
export const MESSAGE = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const;

/** RFC 2131 §2 `flags`: the client can't receive unicast yet. */
export const BROADCAST_FLAG = 0x8000;

/** A decoded BOOTP or DHCP message; the fields carry RFC 2131's names. */
export interface DhcpPacket {
  readonly op: number;
  readonly hops: number;
  readonly xid: number;
  /** Seconds since the client began, or whatever it uses the field for: iPXE keeps state bits there. */
  readonly secs: number;
  readonly flags: number;
  readonly ciaddr: Ipv4;
  readonly yiaddr: Ipv4;
  readonly siaddr: Ipv4;
  readonly giaddr: Ipv4;
  readonly chaddr: Mac;
  /** The six bytes of `chaddr`. */
  readonly hardwareAddress: Uint8Array;
  readonly sname: string;
  readonly file: string;
  /** By code; options that came in several pieces are joined (RFC 3396). */
  readonly options: ReadonlyMap<number, Uint8Array>;
}

/** Why a datagram isn't a message we can read. */
export type Malformed = 'short' | 'op' | 'hardware-type' | 'chaddr' | 'options' | 'relay-information';

const CHADDR = { start: 28, end: 34 };
const SNAME = { start: 44, end: 108 };
const FILE = { start: 108, end: 236 };
const COOKIE = 0x63825363;
const OPTIONS_START = 240;
const ETHERNET = 1;
/** RFC 1542 §2.1: a BOOTP message is at least this long, and old ROMs drop shorter ones. */
const MINIMUM_LENGTH = 300;

/** Decodes a datagram. Gives the reason, a word for counting, when it isn't a well-formed Ethernet BOOTP message. */
export function decodePacket(bytes: Uint8Array): DhcpPacket | Malformed {
  if (bytes.length < FILE.end) return 'short';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const op = view.getUint8(0);
  if (op !== OP.bootRequest && op !== OP.bootReply) return 'op';
  if (view.getUint8(1) !== ETHERNET || view.getUint8(2) !== 6) return 'hardware-type';
  // A group address can't be anybody's own, nor can all zeros.
  if ((view.getUint8(28) & 1) === 1 || (view.getUint32(28) === 0 && view.getUint16(32) === 0))
    return 'chaddr';
  const options = decodeOptions(bytes, view);
  if (!options) return 'options';
  // It is repeated in every reply, where a longer one would leave no room for the reply's own options.
  if ((options.get(OPTION.relayAgentInformation)?.length ?? 0) > MAX_OPTION_LENGTH)
    return 'relay-information';
  const overload = options.get(OPTION.overload)?.[0] ?? 0;
  return {
    op,
    hops: view.getUint8(3),
    xid: view.getUint32(4),
    secs: view.getUint16(8),
    flags: view.getUint16(10),
    ciaddr: ipv4FromBytes(bytes, 12),
    yiaddr: ipv4FromBytes(bytes, 16),
    siaddr: ipv4FromBytes(bytes, 20),
    giaddr: ipv4FromBytes(bytes, 24),
    chaddr: macFromBytes(bytes, CHADDR.start),
    hardwareAddress: new Uint8Array(bytes.buffer, bytes.byteOffset + CHADDR.start, 6),
    sname: (overload & 2) === 0 ? zeroTerminated(bytes, SNAME.start, SNAME.end) : '',
    file: (overload & 1) === 0 ? zeroTerminated(bytes, FILE.start, FILE.end) : '',
    options,
  };
}

/** All options, those in an overloaded `file` and `sname` last (RFC 2131 §4.1); undefined when one runs past its field. */
function decodeOptions(bytes: Uint8Array, view: DataView): Map<number, Uint8Array> | undefined {
  const options = new Map<number, Uint8Array>();
  const pieces: Pieces = new Map();
  // A BOOTP client may leave the vendor area empty (RFC 1497).
  if (bytes.length < OPTIONS_START || view.getUint32(FILE.end) !== COOKIE) return options;
  if (!readOptions(bytes, OPTIONS_START, bytes.length, options, pieces)) return undefined;
  const overload = options.get(OPTION.overload)?.[0] ?? 0;
  if ((overload & 1) !== 0 && !readOptions(bytes, FILE.start, FILE.end, options, pieces)) return undefined;
  if ((overload & 2) !== 0 && !readOptions(bytes, SNAME.start, SNAME.end, options, pieces)) return undefined;
  // All at once, so that a datagram of nothing but pieces costs no more than its length.
  for (const [code, values] of pieces) options.set(code, Buffer.concat(values));
  return options;
}

/** The values of the options that came more than once, in order. */
type Pieces = Map<number, Uint8Array[]>;

/** Reads one field of options up to its end option; a field that simply stops is accepted, as ROMs send it. */
function readOptions(
  bytes: Uint8Array,
  start: number,
  end: number,
  into: Map<number, Uint8Array>,
  pieces: Pieces,
): boolean {
  let position = start;
  while (position < end) {
    const code = bytes[position++] as number;
    if (code === OPTION.pad) continue;
    if (code === OPTION.end) return true;
    if (position >= end) return false;
    const length = bytes[position++] as number;
    if (position + length > end) return false;
    const value = new Uint8Array(bytes.buffer, bytes.byteOffset + position, length);
    const earlier = into.get(code);
    if (!earlier) into.set(code, value);
    else if (!pieces.get(code)?.push(value)) pieces.set(code, [earlier, value]);
    position += length;
  }
  return true;
}

function zeroTerminated(bytes: Uint8Array, start: number, end: number): string {
  if (bytes[start] === 0) return '';
  const zero = bytes.subarray(start, end).indexOf(0);
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, zero < 0 ? end - start : zero).toString(
    'latin1',
  );
}

/** The message type of option 53, or undefined for a BOOTP message. */
export function messageType(packet: DhcpPacket): number | undefined {
  return packet.options.get(OPTION.messageType)?.[0];
}

/** A reply to be put on the wire. What isn't listed is copied from the request or zero (RFC 2131 §4.3.1, table 3). */
export interface DhcpReply {
  readonly request: DhcpPacket;
  readonly ciaddr: Ipv4;
  readonly yiaddr: Ipv4;
  readonly siaddr: Ipv4;
  readonly flags: number;
  /** Boot file name for the header; left out there when it doesn't fit its 127 characters. */
  readonly file: string;
  /** In sending order. What exceeds `maximumLength` is left out, later ones first. */
  readonly options: ReadonlyMap<number, Uint8Array>;
  /** Largest message in bytes, UDP payload, without the relay agent information: the relay agent takes that out again. */
  readonly maximumLength: number;
}

/**
 * Encodes a reply: at least 300 bytes, options never overloaded into `file` or `sname`, values over 255 bytes split
 * (RFC 3396), relay agent information copied from the request as the last option (RFC 3046 §2.2).
 */
export function encodeReply(reply: DhcpReply): Buffer {
  const { request } = reply;
  const relayInformation = request.options.get(OPTION.relayAgentInformation);
  // One byte is for the end option.
  const limit = Math.max(reply.maximumLength, MINIMUM_LENGTH) - 1;
  const reserved = (relayInformation ? wireLength(relayInformation) : 0) + 1;
  let wanted = OPTIONS_START;
  for (const value of reply.options.values()) wanted += wireLength(value);

  // From Node's pool: a buffer of its own for every reply would cost more than all that is written into it.
  const bytes = Buffer.allocUnsafe(Math.max(Math.min(wanted, limit) + reserved, MINIMUM_LENGTH)).fill(0);
  bytes[0] = OP.bootReply;
  bytes[1] = ETHERNET;
  bytes[2] = 6;
  bytes.writeUInt32BE(request.xid, 4);
  bytes.writeUInt16BE(reply.flags, 10);
  bytes.writeUInt32BE(reply.ciaddr, 12);
  bytes.writeUInt32BE(reply.yiaddr, 16);
  bytes.writeUInt32BE(reply.siaddr, 20);
  bytes.writeUInt32BE(request.giaddr, 24);
  bytes.set(request.hardwareAddress, CHADDR.start);
  // One byte stays zero, so that a ROM that reads to the terminator finds it.
  if (reply.file.length < FILE.end - FILE.start) bytes.write(reply.file, FILE.start, 'latin1');
  bytes.writeUInt32BE(COOKIE, FILE.end);
  let position = OPTIONS_START;
  for (const [code, value] of reply.options) {
    if (position + wireLength(value) <= limit) position = writeOption(bytes, position, code, value);
  }
  if (relayInformation) {
    position = writeOption(bytes, position, OPTION.relayAgentInformation, relayInformation);
  }
  bytes[position] = OPTION.end;
  return bytes.subarray(0, Math.max(position + 1, MINIMUM_LENGTH));
}

/** Bytes that an option with this value takes in a message, codes and lengths of all its pieces included (RFC 3396). */
export function wireLength(value: Uint8Array): number {
  return value.length <= 255 ? value.length + 2 : value.length + 2 * Math.ceil(value.length / 255);
}

function writeOption(bytes: Buffer, start: number, code: number, value: Uint8Array): number {
  let position = start;
  let offset = 0;
  do {
    const length = Math.min(255, value.length - offset);
    bytes[position] = code;
    bytes[position + 1] = length;
    position += 2;
    // Most values are a few bytes long: a call of set() costs more than to copy them.
    for (const end = offset + length; offset < end; offset += 1, position += 1) {
      bytes[position] = value[offset] as number;
    }
  } while (offset < value.length);
  return position;
}
