import type { Ipv4 } from '../net/ipv4.ts';
import { hexByte, type Mac } from '../net/mac.ts';
import { MAX_OPTION_LENGTH, OPTION } from './options.ts';
import type { DhcpPacket } from './packet.ts';
import { type RelayInformation, readRelayInformation } from './relay.ts';

/** What a DHCP message says about the machine that sent it. */
export interface DhcpClient {
  readonly mac: Mac;
  /** Option 93: processor architectures, the client's first choice first (RFC 4578 §2.1). */
  readonly architectures: readonly number[];
  /** Option 60. */
  readonly vendorClass?: string;
  /** Option 77: the raw string that iPXE sends, or RFC 3004's list joined by commas. */
  readonly userClass?: string;
  /** The tags inside iPXE's option 175; undefined when the client isn't iPXE. */
  readonly ipxeFeatures?: ReadonlySet<number>;
  /** Option 97, in SMBIOS's canonical text form. */
  readonly uuid?: string;
  /** Option 12. */
  readonly hostname?: string;
  /** `secs`, when it isn't zero: for how long the client has been asking, or iPXE's state bits. */
  readonly secs?: number;
  /** `giaddr`: the relay agent that passed the message on; undefined for a client on our own wire. */
  readonly relay?: Ipv4;
  /** Where a relay agent says that the machine is plugged in. */
  readonly attachment?: RelayAttachment;
}

/** Option 82 (RFC 3046), printable: text as it is, other bytes as `00:06:0a`. */
export interface RelayAttachment {
  /** Sub-option 1: the port. */
  readonly circuit?: string;
  /** Sub-option 2: the switch. */
  readonly remote?: string;
}

/** While it is being read. */
type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

/** Bytes shown of a sub-option. */
const ATTACHMENT_LENGTH = 64;
/** Architectures read; firmware names one or two. */
const MAX_ARCHITECTURES = 8;

/**
 * Reads the identifying options of a message. What is malformed is left out: firmware lies. Of a text that came in several
 * options no more is read than one can hold, so that what is kept of a machine stays small.
 */
export function describeClient(
  packet: DhcpPacket,
  relay: RelayInformation = readRelayInformation(packet),
): DhcpClient {
  const { options } = packet;
  const vendorClass = options.get(OPTION.vendorClass);
  const userClass = options.get(OPTION.userClass);
  const features = options.get(OPTION.ipxeEncapsulated);
  const uuid = options.get(OPTION.clientUuid);
  const hostname = options.get(OPTION.hostName);
  const client: Mutable<DhcpClient> = {
    mac: packet.chaddr,
    architectures: readArchitectures(options.get(OPTION.clientArchitecture)),
  };
  if (vendorClass) client.vendorClass = printable(vendorClass);
  if (userClass) client.userClass = readUserClass(userClass.subarray(0, MAX_OPTION_LENGTH));
  if (features) client.ipxeFeatures = readTags(features);
  if (uuid?.length === 17 && uuid[0] === 0) client.uuid = readUuid(uuid);
  if (hostname) client.hostname = printable(hostname);
  if (packet.secs !== 0) client.secs = packet.secs;
  if (relay.relay !== undefined) client.relay = relay.relay;
  if (relay.circuit || relay.remote) client.attachment = describeAttachment(relay);
  return client;
}

function describeAttachment({ circuit, remote }: RelayInformation): RelayAttachment {
  return { ...(circuit && { circuit: readable(circuit) }), ...(remote && { remote: readable(remote) }) };
}

/** Switches write text or bytes, as they please. */
function readable(bytes: Uint8Array): string {
  const shown = bytes.subarray(0, ATTACHMENT_LENGTH);
  const isText = shown.every((byte) => byte >= 0x20 && byte <= 0x7e);
  return isText ? printable(shown) : (Buffer.from(shown).toString('hex').match(/../g)?.join(':') ?? '');
}

function readArchitectures(value: Uint8Array | undefined): number[] {
  const codes: number[] = [];
  if (!value) return codes;
  const end = Math.min(value.length, 2 * MAX_ARCHITECTURES);
  for (let offset = 0; offset + 1 < end; offset += 2) {
    codes.push(((value[offset] as number) << 8) | (value[offset + 1] as number));
  }
  return codes;
}

/** RFC 3004 wants length-prefixed classes; iPXE and others send a bare string. A list is one only if it adds up. */
function readUserClass(value: Uint8Array): string {
  const classes: string[] = [];
  let position = 0;
  while (position < value.length) {
    const length = value[position] as number;
    if (length === 0 || position + 1 + length > value.length) return printable(value);
    classes.push(printable(value.subarray(position + 1, position + 1 + length)));
    position += 1 + length;
  }
  return classes.join(',');
}

/** The tags of an encapsulated option field (RFC 2132 §8.4 layout). */
function readTags(value: Uint8Array): Set<number> {
  const tags = new Set<number>();
  let position = 0;
  while (position + 1 < value.length) {
    const tag = value[position] as number;
    if (tag === OPTION.end) break;
    if (tag === OPTION.pad) {
      position += 1;
      continue;
    }
    tags.add(tag);
    position += 2 + (value[position + 1] as number);
  }
  return tags;
}

/** Where the bytes of the text form are in option 97: the first three fields are little-endian on the wire. */
const UUID_FIELDS = [
  [4, 3, 2, 1],
  [6, 5],
  [8, 7],
  [9, 10],
  [11, 12, 13, 14, 15, 16],
] as const;

/** As iPXE's `${uuid}` and dmidecode print it. */
function readUuid(value: Uint8Array): string {
  return UUID_FIELDS.map((field) => field.map((at) => hexByte(value[at] as number)).join('')).join('-');
}

function printable(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, Math.min(value.byteLength, MAX_OPTION_LENGTH))
    .toString('latin1')
    .replace(/[^\x20-\x7e]/g, '');
}
