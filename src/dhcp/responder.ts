import { contains, formatIpv4, type Ipv4, ipv4FromBytes, UNSPECIFIED } from '../net/ipv4.ts';
import { type DhcpClient, describeClient } from './client.ts';
import {
  composeBootReply,
  composeNak,
  composeReply,
  type Datagram,
  type DhcpAnswer,
  type ReplyContext,
} from './compose.ts';
import type { DropReason, ReplyName, RequestName, SilenceReason } from './events.ts';
import { type Lease, LeaseTable } from './leases.ts';
import { type DhcpNetwork, type PreparedOptions, prepareOptions } from './network.ts';
import { OPTION } from './options.ts';
import { type DhcpPacket, MESSAGE, messageType, OP } from './packet.ts';

/** Decides what a client gets besides its address. It is asked for every message and must not wait for anything. */
export interface DhcpBackend {
  /** Undefined: this machine is not served at all. */
  answer(client: DhcpClient): DhcpAnswer | undefined;
}

/** A change to the leases, to be written down before the reply leaves. */
export interface LeaseChange {
  readonly lease: Lease;
  /** An address whose record is to be removed: its machine has moved to `lease`. */
  readonly left?: Ipv4;
  /** The same machine already had this very address on record, so losing the change would harm nobody. */
  readonly renewal: boolean;
}

/** What is to be done about a message. */
export type Outcome =
  | {
      readonly type: 'reply';
      readonly client: DhcpClient;
      readonly request: RequestName;
      readonly reply: ReplyName;
      readonly address: Ipv4;
      readonly datagram: Datagram;
      readonly change?: LeaseChange;
      readonly detail?: string;
    }
  | {
      readonly type: 'silent';
      readonly client: DhcpClient;
      readonly request: RequestName;
      readonly reason: SilenceReason;
      /** The server that the client has chosen instead. */
      readonly server?: Ipv4;
      readonly change?: LeaseChange;
      readonly detail?: string;
    }
  | { readonly type: 'dropped'; readonly reason: DropReason };

/** The states in which `ciaddr` is meant (RFC 2131 table 5); broken clients fill it in others too. */
const HAS_CIADDR: ReadonlySet<RequestName> = new Set(['RENEWING', 'REBINDING', 'INFORM', 'BOOTP']);
/** RFC 2132 §9.2: a lease that never ends. */
const INFINITE = 0xffffffff;

/**
 * RFC 2131's server for one network, without sockets or clock: each message leads to one outcome. The lease table changes as
 * soon as the outcome is decided; whoever sends the reply first writes the change down.
 */
export class DhcpResponder {
  readonly #backend: DhcpBackend;
  readonly #leases: LeaseTable;
  #network: DhcpNetwork;
  #prepared: PreparedOptions;

  constructor(network: DhcpNetwork, backend: DhcpBackend, leases: Iterable<Lease>) {
    this.#backend = backend;
    this.#network = network;
    this.#prepared = prepareOptions(network);
    this.#leases = new LeaseTable(network.plan, leases);
  }

  /** The network's addresses and who has them. */
  get leases(): LeaseTable {
    return this.#leases;
  }

  /** Takes over a changed configuration; leases stay. */
  reconfigure(network: DhcpNetwork): void {
    this.#network = network;
    this.#prepared = prepareOptions(network);
    this.#leases.replan(network.plan);
  }

  /**
   * Decides about one message. `unicast` tells whether it was sent to our own address, which is what tells RENEWING from
   * REBINDING (RFC 2131 §4.3.6); `now` is in milliseconds since the epoch.
   */
  handle(packet: DhcpPacket, unicast: boolean, now: number): Outcome {
    if (packet.op !== OP.bootRequest) return { type: 'dropped', reason: 'not-a-request' };
    if (packet.giaddr !== UNSPECIFIED && !contains(this.#network.subnet, packet.giaddr)) {
      return { type: 'dropped', reason: 'unknown-relay' };
    }
    const request = nameRequest(packet, unicast);
    if (!request) return { type: 'dropped', reason: 'message-type' };
    const client = describeClient(packet);
    const silent = (reason: SilenceReason, detail?: string): Outcome => ({
      type: 'silent',
      client,
      request,
      reason,
      ...(detail !== undefined && { detail }),
    });

    if (request === 'RELEASE') {
      const lease = this.#leases.release(client.mac, packet.ciaddr, now);
      return { ...silent(lease ? 'no-reply-expected' : 'nothing-held'), ...changeOf(lease) };
    }
    if (request === 'DECLINE') {
      const until = now + this.#network.quarantine * 1000;
      const lease = this.#leases.decline(client.mac, requestedAddress(packet) ?? UNSPECIFIED, now, until);
      return { ...silent(lease ? 'no-reply-expected' : 'nothing-held'), ...changeOf(lease) };
    }
    if (request === 'BOOTP' && this.#network.bootp === 'drop')
      return silent('not-served', 'BOOTP is switched off');

    const answer = this.#backend.answer(client);
    if (!answer) return silent('not-served');
    const context: ReplyContext = {
      network: this.#network,
      prepared: this.#prepared,
      request: packet,
      ciaddr: HAS_CIADDR.has(request) ? packet.ciaddr : UNSPECIFIED,
      answer,
    };
    switch (request) {
      case 'DISCOVER':
        return this.#discover(context, client, now) ?? silent('pool-exhausted');
      case 'SELECTING':
        return this.#selecting(context, client, now);
      case 'INIT-REBOOT':
      case 'RENEWING':
      case 'REBINDING':
        return this.#returning(context, client, request, now) ?? silent('no-record');
      case 'INFORM':
        return {
          type: 'reply',
          client,
          request,
          reply: 'ACK',
          address: UNSPECIFIED,
          datagram: composeReply(context, MESSAGE.ack, undefined),
        };
      case 'BOOTP':
        return this.#bootp(context, client, now) ?? silent('pool-exhausted');
    }
  }

  #discover(context: ReplyContext, client: DhcpClient, now: number): Outcome | undefined {
    const { request, answer } = context;
    const address = this.#leases.offer(client.mac, requestedAddress(request), now, answer.isKnown);
    if (address === undefined) return undefined;
    const given = { address, lease: this.#leaseTime(context) };
    const datagram = composeReply(context, MESSAGE.offer, given);
    return { type: 'reply', client, request: 'DISCOVER', reply: 'OFFER', address, datagram };
  }

  #selecting(context: ReplyContext, client: DhcpClient, now: number): Outcome {
    const server = addressOption(context.request, OPTION.serverIdentifier);
    if (server !== this.#network.address) {
      this.#leases.withdrawOffer(client.mac);
      return {
        type: 'silent',
        client,
        request: 'SELECTING',
        reason: 'other-server-chosen',
        ...(server !== undefined && { server }),
      };
    }
    // An offer made before a restart isn't known any more; the address is still good if it is free.
    const address = requestedAddress(context.request);
    if (address !== undefined && this.#leases.isAvailable(client.mac, address, now)) {
      return this.#acknowledge(context, client, 'SELECTING', address, now);
    }
    return this.#refuse(context, client, 'SELECTING', address);
  }

  /** A client that believes it has an address: RFC 2131 §4.3.2, the last three of its cases. */
  #returning(
    context: ReplyContext,
    client: DhcpClient,
    request: 'INIT-REBOOT' | 'RENEWING' | 'REBINDING',
    now: number,
  ): Outcome | undefined {
    const { ciaddr } = context.request;
    // Some clients answer an OFFER without its server identifier, some even without the address.
    const offered = request === 'INIT-REBOOT' ? this.#leases.offerOf(client.mac, now) : undefined;
    const address = request === 'INIT-REBOOT' ? (requestedAddress(context.request) ?? offered) : ciaddr;
    const onLink = address !== undefined && contains(this.#network.subnet, address);
    if (onLink && (this.#leases.leaseOf(client.mac)?.address === address || offered === address)) {
      return this.#leases.isAvailable(client.mac, address, now)
        ? this.#acknowledge(context, client, request, address, now)
        : this.#refuse(context, client, request, address);
    }
    // Only a RENEWING client has chosen us by name, so its word is enough when the address is free.
    if (request === 'RENEWING' && onLink && this.#leases.isAvailable(client.mac, address, now)) {
      return this.#acknowledge(context, client, request, address, now);
    }
    const known = this.#leases.leaseOf(client.mac) !== undefined;
    if (!onLink || known || request === 'RENEWING') return this.#refuse(context, client, request, address);
    return undefined;
  }

  #bootp(context: ReplyContext, client: DhcpClient, now: number): Outcome | undefined {
    const address = this.#leases.offer(client.mac, undefined, now, context.answer.isKnown);
    if (address === undefined) return undefined;
    return {
      type: 'reply',
      client,
      request: 'BOOTP',
      reply: 'BOOTREPLY',
      address,
      datagram: composeBootReply(context, address),
      // It has no notion of a lease and never renews (RFC 1534 §2).
      change: this.#claim(client, address, Number.POSITIVE_INFINITY),
    };
  }

  #acknowledge(
    context: ReplyContext,
    client: DhcpClient,
    request: RequestName,
    address: Ipv4,
    now: number,
  ): Outcome {
    const lease = this.#leaseTime(context);
    const expires = lease === INFINITE ? Number.POSITIVE_INFINITY : now + lease * 1000;
    return {
      type: 'reply',
      client,
      request,
      reply: 'ACK',
      address,
      datagram: composeReply(context, MESSAGE.ack, { address, lease }),
      change: this.#claim(client, address, expires),
    };
  }

  #claim(client: DhcpClient, address: Ipv4, expires: number): LeaseChange {
    const renewal = this.#leases.leaseOf(client.mac)?.address === address;
    const { lease, left } = this.#leases.claim(client.mac, address, expires);
    return { lease, renewal, ...(left !== undefined && { left }) };
  }

  #refuse(
    context: ReplyContext,
    client: DhcpClient,
    request: RequestName,
    address: Ipv4 | undefined,
  ): Outcome {
    const detail = this.#refusal(address);
    const datagram = composeNak(context, detail);
    return { type: 'reply', client, request, reply: 'NAK', address: UNSPECIFIED, datagram, detail };
  }

  #refusal(address: Ipv4 | undefined): string {
    if (address === undefined) return 'no address requested';
    const text = formatIpv4(address);
    return contains(this.#network.subnet, address)
      ? `${text} is not available to this machine`
      : `${text} is not an address of this network`;
  }

  #leaseTime(context: ReplyContext): number {
    return context.answer.lease ?? this.#network.lease;
  }
}

function changeOf(lease: Lease | undefined): { change?: LeaseChange } {
  return lease ? { change: { lease, renewal: false } } : {};
}

/** Which message this is, a REQUEST by its state (RFC 2131 §4.3.2, table 4); undefined for one no server receives. */
function nameRequest(packet: DhcpPacket, unicast: boolean): RequestName | undefined {
  const type = messageType(packet);
  switch (type) {
    case undefined:
      return 'BOOTP';
    case MESSAGE.discover:
      return 'DISCOVER';
    case MESSAGE.decline:
      return 'DECLINE';
    case MESSAGE.release:
      return 'RELEASE';
    case MESSAGE.inform:
      return packet.ciaddr === UNSPECIFIED ? undefined : 'INFORM';
    case MESSAGE.request:
      if (packet.options.has(OPTION.serverIdentifier)) return 'SELECTING';
      if (packet.ciaddr === UNSPECIFIED) return 'INIT-REBOOT';
      return unicast && packet.giaddr === UNSPECIFIED ? 'RENEWING' : 'REBINDING';
    default:
      return undefined;
  }
}

/** Option 50; all zeros say as little as no option. */
function requestedAddress(packet: DhcpPacket): Ipv4 | undefined {
  return addressOption(packet, OPTION.requestedAddress) || undefined;
}

function addressOption(packet: DhcpPacket, code: number): Ipv4 | undefined {
  const value = packet.options.get(code);
  return value?.length === 4 ? ipv4FromBytes(value) : undefined;
}
