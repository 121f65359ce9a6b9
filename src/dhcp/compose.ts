import { type Ipv4, LIMITED_BROADCAST, UNSPECIFIED } from '../net/ipv4.ts';
import type { DhcpNetwork, PreparedOptions } from './network.ts';
import { OPTION } from './options.ts';
import { BROADCAST_FLAG, type DhcpPacket, encodeReply, MESSAGE } from './packet.ts';

/** The file a network-booting client is to fetch, and how to put it so that its firmware understands. */
export interface BootFile {
  /** `siaddr`. */
  readonly server: Ipv4;
  /** A TFTP name or a URL: goes into `file` and option 67. */
  readonly file: string;
  /** Further options, encoded (43, 60, 175). */
  readonly options: ReadonlyMap<number, Uint8Array>;
}

/** What one client gets besides an address. */
export interface DhcpAnswer {
  readonly hostname?: string;
  /** Lease time in seconds, where it isn't the network's. */
  readonly lease?: number;
  readonly boot?: BootFile;
  /** When no address is left, it gets one that was offered to a machine without this mark. */
  readonly isKnown?: boolean;
}

/** Client port of RFC 2131 §4.1; a relay agent listens on the server port. */
const CLIENT_PORT = 68;
const SERVER_PORT = 67;
/** IPv4 and UDP headers, which option 57 counts. */
const HEADERS = 28;
const SMALLEST_MAXIMUM = 576;
const LARGEST_MAXIMUM = 1500;

/** A reply ready for the wire. */
export interface Datagram {
  readonly bytes: Buffer;
  readonly address: Ipv4;
  readonly port: number;
}

/** What a reply to a client on a network is made of. */
export interface ReplyContext {
  readonly network: DhcpNetwork;
  readonly prepared: PreparedOptions;
  readonly request: DhcpPacket;
  /** Where the client can be reached by unicast; zero unless its state says that `ciaddr` holds such an address. */
  readonly ciaddr: Ipv4;
  readonly answer: DhcpAnswer;
}

/** An OFFER or ACK that gives an address for `lease` seconds, or an ACK to an INFORM (no address, no lease). */
export function composeReply(
  context: ReplyContext,
  type: typeof MESSAGE.offer | typeof MESSAGE.ack,
  given: { readonly address: Ipv4; readonly lease: number } | undefined,
): Datagram {
  const { request, ciaddr, prepared, answer } = context;
  const options = new Map<number, Uint8Array>();
  options.set(OPTION.messageType, Uint8Array.of(type));
  options.set(OPTION.serverIdentifier, prepared.serverIdentifier);
  if (given) {
    options.set(OPTION.leaseTime, seconds(given.lease));
    options.set(OPTION.renewalTime, seconds(Math.floor(given.lease / 2)));
    options.set(OPTION.rebindingTime, seconds(Math.floor((given.lease * 7) / 8)));
  }
  addBootOptions(options, context);
  addRequested(options, prepared, answer, request.options.get(OPTION.parameterRequestList));
  // RFC 6842: a client that sent its identifier gets it back.
  echo(options, request, OPTION.clientIdentifier);
  return {
    bytes: encodeReply({
      request,
      ciaddr,
      yiaddr: given?.address ?? UNSPECIFIED,
      siaddr: answer.boot?.server ?? UNSPECIFIED,
      flags: request.flags,
      file: answer.boot?.file ?? '',
      options,
      maximumLength: maximumLength(request),
    }),
    ...destination(context),
  };
}

/** A NAK with its reason in option 56 (RFC 2131 §4.3.2); broadcast, since the client's address is wrong. */
export function composeNak(context: ReplyContext, reason: string): Datagram {
  const { request, prepared } = context;
  const options = new Map<number, Uint8Array>();
  options.set(OPTION.messageType, Uint8Array.of(MESSAGE.nak));
  options.set(OPTION.serverIdentifier, prepared.serverIdentifier);
  options.set(OPTION.message, Buffer.from(reason, 'latin1'));
  echo(options, request, OPTION.clientIdentifier);
  const relayed = request.giaddr !== UNSPECIFIED;
  return {
    bytes: encodeReply({
      request,
      ciaddr: UNSPECIFIED,
      yiaddr: UNSPECIFIED,
      siaddr: UNSPECIFIED,
      // The relay agent must broadcast it as well (RFC 2131 §4.3.2).
      flags: relayed ? request.flags | BROADCAST_FLAG : request.flags,
      file: '',
      options,
      maximumLength: maximumLength(request),
    }),
    address: relayed ? request.giaddr : LIMITED_BROADCAST,
    port: relayed ? SERVER_PORT : CLIENT_PORT,
  };
}

/** A BOOTREPLY: no DHCP options, and no longer than the 300 bytes such clients have room for (RFC 1542 §2.1). */
export function composeBootReply(context: ReplyContext, address: Ipv4): Datagram {
  const { request, ciaddr, prepared, answer } = context;
  const options = new Map<number, Uint8Array>();
  addRequested(options, prepared, answer, undefined);
  return {
    bytes: encodeReply({
      request,
      ciaddr,
      yiaddr: address,
      siaddr: answer.boot?.server ?? UNSPECIFIED,
      flags: request.flags,
      file: answer.boot?.file ?? '',
      options,
      maximumLength: 0,
    }),
    ...destination(context),
  };
}

/** Header fields alone don't reach all firmware, nor do options 66 and 67: both are sent, NUL-terminated. */
function addBootOptions(options: Map<number, Uint8Array>, { request, prepared, answer }: ReplyContext): void {
  if (answer.boot) {
    for (const [code, value] of answer.boot.options) options.set(code, value);
    options.set(OPTION.tftpServerName, prepared.tftpServerName);
    options.set(OPTION.bootFileName, Buffer.from(`${answer.boot.file}\0`, 'latin1'));
  }
  echo(options, request, OPTION.clientUuid);
}

/** In the client's own order of preference, so that what doesn't fit is what it wants least. */
function addRequested(
  options: Map<number, Uint8Array>,
  prepared: PreparedOptions,
  answer: DhcpAnswer,
  list: Uint8Array | undefined,
): void {
  for (const code of list ?? [OPTION.hostName, ...prepared.onRequest.keys()]) {
    if (options.has(code)) continue;
    if (code === OPTION.hostName) {
      if (answer.hostname) options.set(code, Buffer.from(answer.hostname, 'latin1'));
      continue;
    }
    const value = prepared.onRequest.get(code);
    if (value) options.set(code, value);
  }
  for (const [code, value] of prepared.always) options.set(code, value);
}

function echo(options: Map<number, Uint8Array>, request: DhcpPacket, code: number): void {
  const value = request.options.get(code);
  if (value) options.set(code, value);
}

/** RFC 2131 §4.1. A client without an address gets a broadcast: unicast would need its ARP entry made by hand. */
function destination({ request, ciaddr }: ReplyContext): { address: Ipv4; port: number } {
  if (request.giaddr !== UNSPECIFIED) return { address: request.giaddr, port: SERVER_PORT };
  if (ciaddr !== UNSPECIFIED) return { address: ciaddr, port: CLIENT_PORT };
  return { address: LIMITED_BROADCAST, port: CLIENT_PORT };
}

/** Option 57 without the headers it counts; what a client must accept when it doesn't say (RFC 2131 §2). */
function maximumLength(request: DhcpPacket): number {
  const value = request.options.get(OPTION.maxMessageSize);
  const told = value?.length === 2 ? ((value[0] as number) << 8) | (value[1] as number) : 0;
  return Math.min(Math.max(told, SMALLEST_MAXIMUM), LARGEST_MAXIMUM) - HEADERS;
}

function seconds(value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(Math.min(value, 0xffffffff));
  return bytes;
}
