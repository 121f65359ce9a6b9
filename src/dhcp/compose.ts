import { type Ipv4, LIMITED_BROADCAST, UNSPECIFIED } from '../net/ipv4.ts';
import { answerFqdn } from './fqdn.ts';
import { type DhcpSubnet, encodeTimes, type PreparedOptions } from './network.ts';
import { OPTION } from './options.ts';
import { BROADCAST_FLAG, type DhcpPacket, encodeReply, MESSAGE, wireLength } from './packet.ts';

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
  /** The address of the place where the client is: for whatever machine is plugged in there. */
  readonly place?: Ipv4;
  /** By number, encoded: sent whether or not they were asked for, instead of the network's. */
  readonly options?: ReadonlyMap<number, Uint8Array>;
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
const NOTHING = new Uint8Array();
const NO_OPTIONS: ReadonlyMap<number, Uint8Array> = new Map();
/** Option 53 of what gives an address. */
const TYPES = {
  [MESSAGE.offer]: Uint8Array.of(MESSAGE.offer),
  [MESSAGE.ack]: Uint8Array.of(MESSAGE.ack),
} as const;

/** A reply ready for the wire. */
export interface Datagram {
  readonly bytes: Buffer;
  readonly address: Ipv4;
  readonly port: number;
}

/** What a reply to a client in a subnet is made of. */
export interface ReplyContext {
  readonly subnet: DhcpSubnet;
  readonly prepared: PreparedOptions;
  /** Option 54 where a relay agent wants another one than our address (RFC 5107). */
  readonly serverIdentifier?: Uint8Array;
  /** Option 43 of the client's vendor class. */
  readonly vendorSpecific?: Uint8Array;
  readonly request: DhcpPacket;
  /** Where the client can be reached by unicast; zero unless its state says that `ciaddr` holds such an address. */
  readonly ciaddr: Ipv4;
  readonly answer: DhcpAnswer;
}

/**
 * An OFFER or ACK that gives an address for `lease` seconds, or an ACK to an INFORM (no address, no lease). `rapid` marks
 * the ACK that takes the place of an OFFER (RFC 4039).
 */
export function composeReply(
  context: ReplyContext,
  type: typeof MESSAGE.offer | typeof MESSAGE.ack,
  given: { readonly address: Ipv4; readonly lease: number } | undefined,
  rapid = false,
): Datagram {
  const { request, ciaddr, subnet, prepared, answer } = context;
  const options = new Map<number, Uint8Array>();
  options.set(OPTION.messageType, TYPES[type]);
  options.set(OPTION.serverIdentifier, context.serverIdentifier ?? prepared.serverIdentifier);
  if (given) {
    const isUsual = given.lease === subnet.lease;
    const { lease, renewal, rebinding } = isUsual ? prepared.times : encodeTimes(given.lease, subnet);
    options.set(OPTION.leaseTime, lease);
    options.set(OPTION.renewalTime, renewal);
    options.set(OPTION.rebindingTime, rebinding);
  }
  if (rapid) options.set(OPTION.rapidCommit, NOTHING);
  // RFC 6842: a client that sent its identifier gets it back; RFC 3011 §2 says the same of its subnet selection.
  echo(options, request, OPTION.clientIdentifier);
  echo(options, request, OPTION.subnetSelection);
  addBootOptions(options, context);
  addFqdn(options, context);
  addRequested(options, context, request.options.get(OPTION.parameterRequestList));
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
  options.set(OPTION.serverIdentifier, context.serverIdentifier ?? prepared.serverIdentifier);
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
  const { request, ciaddr, answer } = context;
  const options = new Map<number, Uint8Array>();
  addRequested(options, context, undefined);
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

/** RFC 4702 §4: only a client that sent its name gets one. */
function addFqdn(options: Map<number, Uint8Array>, { request, subnet, answer }: ReplyContext): void {
  const sent = request.options.get(OPTION.clientFqdn);
  const fqdn = sent && answerFqdn(sent, answer.hostname, subnet.domain);
  if (fqdn) options.set(OPTION.clientFqdn, fqdn);
}

/**
 * What the client asks for, in its own order of preference, so that what doesn't fit is what it wants least; then what is
 * sent in any case. A client that doesn't say what it wants gets everything.
 */
function addRequested(
  options: Map<number, Uint8Array>,
  context: ReplyContext,
  list: Uint8Array | undefined,
): void {
  const { prepared, answer } = context;
  const own = answer.options ?? NO_OPTIONS;
  const addIfSet = (code: number) => {
    if (options.has(code)) return;
    const value = own.get(code) ?? networkValue(code, context);
    if (value) options.set(code, value);
  };
  for (const code of list ?? [OPTION.hostName, ...prepared.onRequest.keys()]) {
    // RFC 2132 §3.3: the mask stands before the router.
    if (code === OPTION.router && list?.includes(OPTION.subnetMask)) addIfSet(OPTION.subnetMask);
    addIfSet(code);
  }
  for (const code of own.keys()) addIfSet(code);
  for (const code of prepared.always.keys()) addIfSet(code);
  if (context.vendorSpecific) addIfSet(OPTION.vendorSpecific);
}

/** What the network has to say. */
function networkValue(
  code: number,
  { prepared, vendorSpecific, answer }: ReplyContext,
): Uint8Array | undefined {
  if (code === OPTION.hostName) return answer.hostname ? Buffer.from(answer.hostname, 'latin1') : undefined;
  if (code === OPTION.vendorSpecific && vendorSpecific) return vendorSpecific;
  return prepared.always.get(code) ?? prepared.onRequest.get(code);
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

/**
 * Option 57 without the headers it counts; what a client must accept when it doesn't say (RFC 2131 §2). With the relay agent's
 * option the reply still fits into one Ethernet frame.
 */
function maximumLength(request: DhcpPacket): number {
  const value = request.options.get(OPTION.maxMessageSize);
  const told = value?.length === 2 ? ((value[0] as number) << 8) | (value[1] as number) : 0;
  const relayInformation = request.options.get(OPTION.relayAgentInformation);
  const room = LARGEST_MAXIMUM - (relayInformation ? wireLength(relayInformation) : 0);
  return Math.min(Math.max(told, SMALLEST_MAXIMUM), room) - HEADERS;
}
