import { formatIpv4, type Ipv4, LIMITED_BROADCAST, UNSPECIFIED } from '../net/ipv4.ts';
import type { BootFile, Datagram } from './compose.ts';
import type { DhcpNetwork } from './network.ts';
import { encodeOption, OPTION } from './options.ts';
import { BROADCAST_FLAG, type DhcpPacket, encodeReply, MESSAGE } from './packet.ts';

/** The parts of a network that a proxy tells its clients of. */
export type ProxyNetwork = Pick<DhcpNetwork, 'address' | 'options'>;

/** Where a datagram came from, and where its answer goes. */
export interface Peer {
  readonly address: Ipv4;
  readonly port: number;
}

/** A proxy says less than a server, so it never needs more than what every client accepts (RFC 2131 §2), less the headers. */
const MAXIMUM_LENGTH = 576 - 28;
const SERVER_PORT = 67;
const CLIENT_PORT = 68;
/** Sub-option 71 of option 43: the boot server's type and layer (PXE 2.1 §2.3). */
const BOOT_ITEM = 71;
const END = 255;

/**
 * An OFFER without an address (PXE 2.1 §2.2.2): `yiaddr` is zero, and another server gives one. Broadcast, or to the relay, which
 * is asked to broadcast it: it would send it to `yiaddr` else (RFC 1542 §4.1.2).
 */
export function composeProxyOffer(request: DhcpPacket, network: ProxyNetwork, boot: BootFile): Datagram {
  const relayed = request.giaddr !== UNSPECIFIED;
  return {
    bytes: encodeReply({
      request,
      ciaddr: UNSPECIFIED,
      yiaddr: UNSPECIFIED,
      siaddr: boot.server,
      flags: relayed ? request.flags | BROADCAST_FLAG : request.flags,
      file: boot.file,
      options: proxyOptions(MESSAGE.offer, request, network, boot),
      maximumLength: MAXIMUM_LENGTH,
    }),
    address: relayed ? request.giaddr : LIMITED_BROADCAST,
    port: relayed ? SERVER_PORT : CLIENT_PORT,
  };
}

/**
 * A boot server's ACK (PXE 2.1 §2.2.6): it goes where the request came from, repeats the client's address in `yiaddr`, and
 * the menu item that was asked for, if any.
 */
export function composeBootServerReply(
  request: DhcpPacket,
  network: ProxyNetwork,
  boot: BootFile,
  peer: Peer,
): Datagram {
  const options = proxyOptions(MESSAGE.ack, request, network, boot);
  const item = bootItem(request);
  if (item) {
    const vendor = options.get(OPTION.vendorSpecific) ?? Uint8Array.of(END);
    const value = Uint8Array.of(BOOT_ITEM, item.length, ...item, ...vendor);
    options.set(OPTION.vendorSpecific, value);
  }
  return {
    bytes: encodeReply({
      request,
      ciaddr: UNSPECIFIED,
      yiaddr: request.ciaddr,
      siaddr: boot.server,
      flags: request.flags,
      file: boot.file,
      options,
      maximumLength: MAXIMUM_LENGTH,
    }),
    ...peer,
  };
}

/** The four bytes of the menu item that a client asks its boot server for (43.71), type and layer; undefined for none. */
export function bootItem({ options }: DhcpPacket): Uint8Array | undefined {
  const value = options.get(OPTION.vendorSpecific) ?? new Uint8Array();
  for (let at = 0; at + 1 < value.length && value[at] !== END; ) {
    const length = value[at] === OPTION.pad ? -1 : (value[at + 1] as number);
    const item = value.subarray(at + 2, at + 2 + length);
    if (value[at] === BOOT_ITEM && length === 4 && item.length === 4) return item;
    at += 2 + length;
  }
  return undefined;
}

function proxyOptions(
  type: number,
  request: DhcpPacket,
  { address, options: always }: ProxyNetwork,
  boot: BootFile,
): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>([
    [OPTION.messageType, Uint8Array.of(type)],
    [OPTION.serverIdentifier, encodeOption('ipv4', address)],
    ...boot.options,
    [OPTION.tftpServerName, Buffer.from(`${formatIpv4(boot.server)}\0`, 'latin1')],
    [OPTION.bootFileName, Buffer.from(`${boot.file}\0`, 'latin1')],
  ]);
  for (const code of [OPTION.clientUuid, OPTION.clientIdentifier]) {
    const value = request.options.get(code);
    if (value) options.set(code, value);
  }
  // The way an answer is meant follows from these two, so they aren't an administrator's to add here.
  for (const [code, value] of always) {
    if (code !== OPTION.vendorClass && code !== OPTION.vendorSpecific) options.set(code, value);
  }
  return options;
}
