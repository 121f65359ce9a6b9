import { type Ipv4, ipv4FromBytes, UNSPECIFIED } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import { type DhcpClient, describeClient } from './client.ts';
import type { DhcpAnswer } from './compose.ts';
import type { RequestName, SilenceReason } from './events.ts';
import { OPTION } from './options.ts';
import type { Outcome } from './outcome.ts';
import { type DhcpPacket, MESSAGE, messageType, OP } from './packet.ts';
import {
  bootItem,
  composeBootServerReply,
  composeProxyOffer,
  type Peer,
  type ProxyNetwork,
} from './proxy-reply.ts';
import { nameRequest } from './request.ts';

/** Where a client asks what to boot: with its DISCOVER, or at the boot server on UDP port 4011. */
export type ProxyPlace = 'proxy' | 'boot-server';

/** Decides what a client is to fetch. It is asked for every message and must not wait for anything. */
export interface ProxyBackend {
  /** Undefined: this machine is not served at all. */
  answer(client: DhcpClient, place: ProxyPlace): DhcpAnswer | undefined;
}

/** The bit of a menu item's layer that asks for credentials (BIS), in its first byte. */
const CREDENTIALS = 0x80;

/** A PXE proxy and boot server without sockets or clock: another DHCP server gives the addresses, this one says what to boot. */
export class ProxyResponder {
  readonly #backend: ProxyBackend;
  #network: ProxyNetwork;

  constructor(network: ProxyNetwork, backend: ProxyBackend) {
    this.#backend = backend;
    this.#network = network;
  }

  /** Takes over a changed configuration. */
  reconfigure(network: ProxyNetwork): void {
    this.#network = network;
  }

  /** Decides about a message to port 67; `unicast` as for `DhcpResponder.handle`. Only DISCOVERs are answered. */
  handle(packet: DhcpPacket, unicast: boolean): Outcome {
    if (packet.op !== OP.bootRequest) return { type: 'dropped', reason: 'not-a-request' };
    const request = nameRequest(packet, unicast);
    if (!request) return { type: 'dropped', reason: 'message-type' };
    const client = describeClient(packet);
    if (request !== 'DISCOVER') return { ...silent(client, request, 'address-not-ours'), ...tells(packet) };
    const answer = this.#backend.answer(client, 'proxy');
    if (!answer) return silent(client, request, 'not-served');
    if (!answer.boot) return silent(client, request, 'address-not-ours');
    const datagram = composeProxyOffer(packet, this.#network, answer.boot);
    return { type: 'reply', client, request, reply: 'OFFER', address: UNSPECIFIED, datagram };
  }

  /**
   * Decides about a message to the boot server. Whatever menu item it asks for, it gets its file: we offer no menu. The
   * outcome's address is the client's own.
   */
  bootServer(packet: DhcpPacket, peer: Peer): Outcome {
    if (packet.op !== OP.bootRequest) return { type: 'dropped', reason: 'not-a-request' };
    const type = messageType(packet);
    if (type !== MESSAGE.request && type !== MESSAGE.inform)
      return { type: 'dropped', reason: 'message-type' };
    const client = describeClient(packet);
    const request = 'BOOT-SERVER';
    if (((bootItem(packet)?.[2] ?? 0) & CREDENTIALS) !== 0) {
      return silent(client, request, 'not-served', 'it wants credentials (BIS), which nobody here has');
    }
    const boot = this.#backend.answer(client, 'boot-server')?.boot;
    if (!boot) return silent(client, request, 'not-served');
    const datagram = composeBootServerReply(packet, this.#network, boot, peer);
    return { type: 'reply', client, request, reply: 'ACK', address: packet.ciaddr, datagram };
  }
}

/** A running lease that this server gave before it became a proxy, and whose machine renews or returns it. */
export function isAboutOwnLease(
  packet: DhcpPacket,
  unicast: boolean,
  holder: (address: Ipv4) => Mac | undefined,
): boolean {
  const request = packet.op === OP.bootRequest && unicast ? nameRequest(packet, unicast) : undefined;
  return (request === 'RENEWING' || request === 'RELEASE') && holder(packet.ciaddr) === packet.chaddr;
}

function silent(client: DhcpClient, request: RequestName, reason: SilenceReason, detail?: string) {
  return { type: 'silent', client, request, reason, ...(detail !== undefined && { detail }) } as const;
}

/** The other server that a client names, and the address that it has or is about to take. */
function tells(packet: DhcpPacket): { server?: Ipv4; address?: Ipv4 } {
  const server = addressIn(packet.options.get(OPTION.serverIdentifier));
  const address = packet.ciaddr || addressIn(packet.options.get(OPTION.requestedAddress));
  return { ...(server && { server }), ...(address && { address }) };
}

function addressIn(value: Uint8Array | undefined): Ipv4 | undefined {
  return value?.length === 4 ? ipv4FromBytes(value) : undefined;
}
