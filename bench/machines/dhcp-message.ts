/** BOOTP operation and DHCP message types (RFC 2131 §2, RFC 2132 §9.6). */
const BOOTREQUEST = 1;
const BOOTREPLY = 2;
export const DISCOVER = 1;
export const OFFER = 2;
export const REQUEST = 3;
export const ACK = 5;
export const NAK = 6;

const OPTION = { pad: 0, requestedAddress: 50, messageType: 53, serverIdentifier: 54, end: 255 } as const;
const COOKIE = 0x63825363;
const OPTIONS_START = 240;
/** What a BOOTP server may expect at least (RFC 1542 §2.1). */
const MINIMUM_LENGTH = 300;

/** What a machine sends, as it leaves its relay agent. */
export interface DhcpQuestion {
  readonly type: typeof DISCOVER | typeof REQUEST;
  readonly xid: number;
  /** Six bytes. */
  readonly chaddr: Uint8Array;
  /** The address it has, which it renews. */
  readonly ciaddr?: Uint8Array;
  /** The relay agent's address. */
  readonly giaddr: Uint8Array;
  /** The offer that is taken. */
  readonly offer?: Pick<DhcpAnswer, 'yiaddr' | 'server'>;
  /** What else it says about itself: code and value. */
  readonly options?: readonly (readonly [code: number, value: Uint8Array])[];
}

/** What a server sent. */
export interface DhcpAnswer {
  readonly type: number;
  readonly xid: number;
  readonly yiaddr: Uint8Array;
  readonly siaddr: Uint8Array;
  /** The header's boot file name. */
  readonly file: string;
  /** Option 54; four zeros when it is missing. */
  readonly server: Uint8Array;
  readonly options: ReadonlyMap<number, Uint8Array>;
}

const NOWHERE = new Uint8Array(4);

/** Encodes a message with one hop behind it (RFC 2131 §2). */
export function encodeQuestion(question: DhcpQuestion): Buffer {
  const { type, xid, chaddr, ciaddr = NOWHERE, giaddr, offer, options = [] } = question;
  const all: [number, Uint8Array][] = [[OPTION.messageType, Uint8Array.of(type)]];
  if (offer) all.push([OPTION.requestedAddress, offer.yiaddr], [OPTION.serverIdentifier, offer.server]);
  for (const [code, value] of options) all.push([code, value]);
  const length = all.reduce((sum, [, value]) => sum + 2 + value.length, OPTIONS_START + 1);
  const bytes = Buffer.alloc(Math.max(MINIMUM_LENGTH, length));
  bytes.set([BOOTREQUEST, 1, 6, 1]);
  bytes.writeUInt32BE(xid, 4);
  bytes.set(ciaddr, 12);
  bytes.set(giaddr, 24);
  bytes.set(chaddr, 28);
  bytes.writeUInt32BE(COOKIE, 236);
  let at = OPTIONS_START;
  for (const [code, value] of all) {
    bytes.set([code, value.length], at);
    bytes.set(value, at + 2);
    at += 2 + value.length;
  }
  bytes[at] = OPTION.end;
  return bytes;
}

/** Reads a server's message; undefined when it is none. The answer keeps its own bytes. */
export function readAnswer(received: Buffer): DhcpAnswer | undefined {
  if (received.length < OPTIONS_START || received[0] !== BOOTREPLY) return undefined;
  if (received.readUInt32BE(236) !== COOKIE) return undefined;
  const bytes = Buffer.from(received);
  const options = new Map<number, Uint8Array>();
  for (let at = OPTIONS_START; at + 1 < bytes.length && bytes[at] !== OPTION.end; ) {
    const [code, length] = [bytes[at] as number, bytes[at + 1] as number];
    if (code === OPTION.pad) {
      at += 1;
      continue;
    }
    options.set(code, bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  const file = bytes.toString('latin1', 108, 236);
  return {
    type: options.get(OPTION.messageType)?.[0] ?? 0,
    xid: bytes.readUInt32BE(4),
    yiaddr: bytes.subarray(16, 20),
    siaddr: bytes.subarray(20, 24),
    file: file.slice(0, file.indexOf('\0')),
    server: options.get(OPTION.serverIdentifier) ?? NOWHERE,
    options,
  };
}

/** The four bytes of `192.168.0.1`. */
export function addressBytes(text: string): Uint8Array {
  return Uint8Array.from(text.split('.'), Number);
}

/** `192.168.0.1` of four bytes. */
export function addressText(bytes: Uint8Array): string {
  return bytes.join('.');
}

/** The hardware address of machine `index`: 02:72:61 and its number. */
export function hardwareAddress(index: number): Uint8Array {
  return Uint8Array.of(0x02, 0x72, 0x61, index >> 16, (index >> 8) & 255, index & 255);
}

/** `02:72:61:00:00:01` */
export function macText(chaddr: Uint8Array): string {
  return Buffer.from(chaddr)
    .toString('hex')
    .replace(/..(?!$)/g, '$&:');
}
