/** TFTP opcodes (RFC 1350 §5; OACK: RFC 2347). */
export const Opcode = { RRQ: 1, WRQ: 2, DATA: 3, ACK: 4, ERROR: 5, OACK: 6 } as const;

/** The TFTP error codes used here (RFC 1350 appendix; 8: RFC 2347). */
export const ErrorCode = {
  NOT_DEFINED: 0,
  FILE_NOT_FOUND: 1,
  ACCESS_VIOLATION: 2,
  ILLEGAL_OPERATION: 4,
  UNKNOWN_TRANSFER_ID: 5,
  OPTION_NEGOTIATION: 8,
} as const;

/** One option of an RRQ or OACK, as it was spelled: name and value. */
export type TftpOption = readonly [name: string, value: string];

/** RRQ or WRQ (RFC 1350 §5, options RFC 2347). */
export interface RequestPacket {
  readonly opcode: typeof Opcode.RRQ | typeof Opcode.WRQ;
  /** The file name's bytes without its NUL, as they came. */
  readonly filename: Uint8Array;
  /** In lower case: `octet`, `netascii`, `mail` or anything else that was sent. */
  readonly mode: string;
  /** In the order they came. */
  readonly options: readonly TftpOption[];
}

export interface AckPacket {
  readonly opcode: typeof Opcode.ACK;
  /** Block number, 16 bits. */
  readonly block: number;
}

export interface ErrorPacket {
  readonly opcode: typeof Opcode.ERROR;
  readonly code: number;
  /** The message's bytes without its NUL. */
  readonly message: Uint8Array;
}

/** A packet that only a server sends: its contents are of no interest to one. */
export interface ServerPacket {
  readonly opcode: typeof Opcode.DATA | typeof Opcode.OACK;
}

export type TftpPacket = RequestPacket | AckPacket | ErrorPacket | ServerPacket;

/** A request should be at most 512 octets (RFC 2347); padded ones are let pass up to an Ethernet frame. */
const MAX_REQUEST = 1500;

/**
 * Reads a datagram. Gives undefined when it isn't TFTP: too short, an unknown opcode, or a request that is too
 * long or whose name or mode has no NUL at its end.
 */
export function parsePacket(bytes: Uint8Array): TftpPacket | undefined {
  if (bytes.length < 4 || bytes[0] !== 0) return undefined;
  const opcode = bytes[1];
  switch (opcode) {
    case Opcode.ACK:
      return { opcode, block: uint16(bytes, 2) };
    case Opcode.RRQ:
    case Opcode.WRQ:
      return parseRequest(opcode, bytes);
    case Opcode.ERROR:
      return { opcode, code: uint16(bytes, 2), message: stringAt(bytes, 4) ?? bytes.subarray(4) };
    case Opcode.DATA:
    case Opcode.OACK:
      return { opcode };
    default:
      return undefined;
  }
}

function parseRequest(opcode: RequestPacket['opcode'], bytes: Uint8Array): RequestPacket | undefined {
  const filename = bytes.length > MAX_REQUEST ? undefined : stringAt(bytes, 2);
  if (!filename) return undefined;
  let at = 2 + filename.length + 1;
  const mode = stringAt(bytes, at);
  if (!mode) return undefined;
  at += mode.length + 1;
  const options: TftpOption[] = [];
  for (;;) {
    // Some ROMs pad their requests with zeros or leave half an option behind: the options end there.
    const name = stringAt(bytes, at);
    const value = name?.length ? stringAt(bytes, at + name.length + 1) : undefined;
    if (!name || !value) break;
    options.push([latin1(name), latin1(value)]);
    at += name.length + value.length + 2;
  }
  return { opcode, filename, mode: latin1(mode).toLowerCase(), options };
}

/** Writes the four bytes of a DATA packet that come before its data: opcode and block number, of which the low 16 bits. */
export function writeDataHead(packet: Uint8Array, block: number): void {
  writeHead(packet, Opcode.DATA, block & 0xffff);
}

/** OACK (RFC 2347): the options a server accepts. */
export function encodeOack(options: readonly TftpOption[]): Uint8Array {
  const text = options.map(([name, value]) => `${name}\0${value}\0`).join('');
  const packet = Buffer.allocUnsafe(2 + text.length);
  packet[0] = 0;
  packet[1] = Opcode.OACK;
  packet.write(text, 2, 'latin1');
  return packet;
}

/** Longest error message sent: firmware shows it in a line or two, and some keeps it in a small buffer. */
const MAX_MESSAGE = 200;

/** ERROR: code and a message for people, of which the first 200 characters are sent. */
export function encodeError(code: number, message: string): Uint8Array {
  const text = message.slice(0, MAX_MESSAGE);
  const packet = Buffer.alloc(4 + text.length + 1);
  writeHead(packet, Opcode.ERROR, code);
  packet.write(text, 4, 'latin1');
  return packet;
}

function writeHead(packet: Uint8Array, opcode: number, word: number): void {
  packet[0] = 0;
  packet[1] = opcode;
  packet[2] = word >>> 8;
  packet[3] = word & 0xff;
}

function uint16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
}

/** The bytes from `offset` up to the next NUL; undefined when there is none. */
function stringAt(bytes: Uint8Array, offset: number): Uint8Array | undefined {
  const end = bytes.indexOf(0, offset);
  return end < 0 ? undefined : bytes.subarray(offset, end);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
