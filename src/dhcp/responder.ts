import { formatIpv4, type Ipv4, UNSPECIFIED } from '../net/ipv4.ts';
import { type DhcpClient, describeClient } from './client.ts';
import { composeBootReply, composeNak, composeReply, type DhcpAnswer, type ReplyContext } from './compose.ts';
import type { RequestName, SilenceReason } from './events.ts';
import type { Lease } from './leases.ts';
import { type Link, Links, subnetOn } from './links.ts';
import type { DhcpNetwork } from './network.ts';
import { encodeOption, OPTION } from './options.ts';
import type { LeaseChange, Outcome } from './outcome.ts';
import { type DhcpPacket, MESSAGE, OP } from './packet.ts';
import { readRelayInformation } from './relay.ts';
import { addressOption, nameRequest, requestedAddress } from './request.ts';

/** Decides what a client gets besides its address. It is asked for every message and must not wait for anything. */
export interface DhcpBackend {
  /** Undefined: this machine is not served at all. */
  answer(client: DhcpClient): DhcpAnswer | undefined;
}

/** The states in which `ciaddr` is meant (RFC 2131 table 5); broken clients fill it in others too. */
const HAS_CIADDR: ReadonlySet<RequestName> = new Set(['RENEWING', 'REBINDING', 'INFORM', 'BOOTP']);
/** RFC 2132 §9.2: a lease that never ends. */
const INFINITE = 0xffffffff;

/** A request that is going to be answered, and all that its answer follows from. */
interface Exchange {
  readonly packet: DhcpPacket;
  readonly client: DhcpClient;
  readonly request: RequestName;
  readonly link: Link;
  readonly answer: DhcpAnswer;
  /** Where the client can be reached by unicast, or zero. */
  readonly ciaddr: Ipv4;
  /** The server identifier that the relay agent wants (RFC 5107). */
  readonly override: Ipv4 | undefined;
  readonly now: number;
}

/**
 * RFC 2131's server for one network, without sockets or clock: each message leads to one outcome. The lease table changes as
 * soon as the outcome is decided; whoever sends the reply first writes the change down.
 */
export class DhcpResponder {
  readonly #backend: DhcpBackend;
  readonly #links: Links;
  #network: DhcpNetwork;

  /** `leases` are those on record, of this network or others. */
  constructor(network: DhcpNetwork, backend: DhcpBackend, leases: Iterable<Lease>) {
    this.#backend = backend;
    this.#network = network;
    this.#links = new Links(network, leases);
  }

  /** The network's addresses and who has them. */
  get links(): Links {
    return this.#links;
  }

  /** Takes over a changed configuration; leases stay. */
  reconfigure(network: DhcpNetwork): void {
    this.#network = network;
    this.#links.reconfigure(network);
  }

  /**
   * Decides about one message. `unicast` tells whether it was sent to our own address, which is what tells RENEWING from
   * REBINDING (RFC 2131 §4.3.6); `now` is in milliseconds since the epoch.
   */
  handle(packet: DhcpPacket, unicast: boolean, now: number): Outcome {
    if (packet.op !== OP.bootRequest) return { type: 'dropped', reason: 'not-a-request' };
    const relay = readRelayInformation(packet);
    const isRelayed = relay.relay !== undefined;
    const request = nameRequest(packet, isRelayed ? relay.wasUnicast === true : unicast);
    if (!request) return { type: 'dropped', reason: 'message-type' };
    const link = this.#links.select({
      relay: relay.relay,
      selected: relay.linkSelection ?? addressOption(packet, OPTION.subnetSelection),
      ciaddr: unicast ? packet.ciaddr : UNSPECIFIED,
    });
    if (!link) return { type: 'dropped', reason: 'unknown-relay' };
    const client = describeClient(packet, relay);
    const silent = (reason: SilenceReason, detail?: string): Outcome => ({
      type: 'silent',
      client,
      request,
      reason,
      ...(detail !== undefined && { detail }),
    });

    if (request === 'RELEASE') {
      const lease = this.#links.linkOf(packet.ciaddr)?.leases.release(client.mac, packet.ciaddr, now);
      return { ...silent(lease ? 'no-reply-expected' : 'nothing-held'), ...changeOf(lease) };
    }
    if (request === 'DECLINE') {
      const declined = requestedAddress(packet) ?? UNSPECIFIED;
      const leases = this.#links.linkOf(declined)?.leases;
      const lease = leases?.decline(client.mac, declined, now, this.#quarantineFrom(now));
      return { ...silent(lease ? 'no-reply-expected' : 'nothing-held'), ...changeOf(lease) };
    }
    if (request === 'BOOTP' && this.#network.bootp === 'drop')
      return silent('not-served', 'BOOTP is switched off');

    const answer = this.#backend.answer(client);
    if (!answer) return silent('not-served');
    const ciaddr = HAS_CIADDR.has(request) ? packet.ciaddr : UNSPECIFIED;
    const exchange: Exchange = {
      packet,
      client,
      request,
      link,
      answer,
      ciaddr,
      override: relay.serverIdentifier,
      now,
    };
    switch (request) {
      case 'DISCOVER':
        return this.#discover(exchange) ?? silent('pool-exhausted');
      case 'SELECTING':
        return this.#selecting(exchange);
      case 'INFORM':
        return {
          type: 'reply',
          client,
          request,
          reply: 'ACK',
          address: UNSPECIFIED,
          datagram: composeReply(this.#context(exchange, packet.ciaddr), MESSAGE.ack, undefined),
        };
      case 'BOOTP':
        return this.#bootp(exchange) ?? silent('pool-exhausted');
      default:
        return this.#returning(exchange) ?? silent('no-record');
    }
  }

  /**
   * Somebody answered at an address that was about to be offered. It stays out of use like a declined one, unless another
   * machine of ours has it; the next DISCOVER is offered another. Gives what is to be written down.
   */
  conflict(address: Ipv4, now: number): LeaseChange | undefined {
    const lease = this.#links.linkOf(address)?.leases.quarantine(address, now, this.#quarantineFrom(now));
    return changeOf(lease).change;
  }

  /** A lease that was decided on could not be written down, so its machine doesn't get it. */
  takeBack({ lease }: LeaseChange): void {
    this.#links.linkOf(lease.address)?.leases.takeBack(lease);
  }

  #discover(exchange: Exchange): Outcome | undefined {
    const { packet, client, link, answer, now } = exchange;
    const { mac } = client;
    const address = link.leases.offer(mac, requestedAddress(packet), now, answer);
    if (address === undefined) return undefined;
    const isKnown = link.leases.leaseOf(mac)?.address === address || link.leases.isReservedFor(mac, address);
    const lookFirst = this.#network.conflictCheck === true && !isKnown;
    // What may be in use is only offered, so that it can be looked at first (RFC 4039 §3.1 leaves that to the server).
    const isRapid = this.#network.rapidCommit === true && packet.options.has(OPTION.rapidCommit);
    if (isRapid && !lookFirst) return this.#acknowledge(exchange, address, true);
    const context = this.#context(exchange, address);
    const given = { address, lease: leaseTime(context) };
    const datagram = composeReply(context, MESSAGE.offer, given);
    return {
      type: 'reply',
      client,
      request: 'DISCOVER',
      reply: 'OFFER',
      address,
      datagram,
      ...(lookFirst && { lookFirst: link === this.#links.own ? 'arp' : 'icmp' }),
    };
  }

  #selecting(exchange: Exchange): Outcome {
    const { packet, client, link, answer, override, now } = exchange;
    const server = addressOption(packet, OPTION.serverIdentifier);
    if (server !== this.#network.address && (server === undefined || server !== override)) {
      link.leases.withdrawOffer(client.mac);
      return {
        type: 'silent',
        client,
        request: 'SELECTING',
        reason: 'other-server-chosen',
        ...(server !== undefined && { server }),
      };
    }
    // An offer made before a restart isn't known any more; the address is still good if it is free.
    const address = requestedAddress(packet);
    if (address !== undefined && link.leases.isAvailable(client.mac, address, now, answer.place)) {
      return this.#acknowledge(exchange, address);
    }
    return this.#refuse(exchange, address);
  }

  /** A client that believes it has an address: RFC 2131 §4.3.2, the last three of its cases. */
  #returning(exchange: Exchange): Outcome | undefined {
    const { packet, client, request, link, answer, now } = exchange;
    const { leases } = link;
    // Some clients answer an OFFER without its server identifier, some even without the address.
    const offered = request === 'INIT-REBOOT' ? leases.offerOf(client.mac, now) : undefined;
    const address = request === 'INIT-REBOOT' ? (requestedAddress(packet) ?? offered) : packet.ciaddr;
    const onLink = address !== undefined && subnetOn(link, address) !== undefined;
    const isAvailable = onLink && leases.isAvailable(client.mac, address, now, answer.place);
    if (onLink && (leases.leaseOf(client.mac)?.address === address || offered === address)) {
      return isAvailable ? this.#acknowledge(exchange, address) : this.#refuse(exchange, address);
    }
    // Only a RENEWING client has chosen us by name, so its word is enough when the address is free.
    if (request === 'RENEWING' && isAvailable) return this.#acknowledge(exchange, address);
    const known = this.#links.leaseOf(client.mac) !== undefined;
    if (!onLink || known || request === 'RENEWING') return this.#refuse(exchange, address);
    return undefined;
  }

  #bootp(exchange: Exchange): Outcome | undefined {
    const { client, link, answer, now } = exchange;
    const address = link.leases.offer(client.mac, undefined, now, answer);
    if (address === undefined) return undefined;
    return {
      type: 'reply',
      client,
      request: 'BOOTP',
      reply: 'BOOTREPLY',
      address,
      datagram: composeBootReply(this.#context(exchange, address), address),
      // It has no notion of a lease and never renews (RFC 1534 §2).
      change: this.#claim(exchange, address, Number.POSITIVE_INFINITY),
    };
  }

  #acknowledge(exchange: Exchange, address: Ipv4, isRapid = false): Outcome {
    const { client, request, now } = exchange;
    const context = this.#context(exchange, address);
    const lease = leaseTime(context);
    const expires = lease === INFINITE ? Number.POSITIVE_INFINITY : now + lease * 1000;
    return {
      type: 'reply',
      client,
      request,
      reply: 'ACK',
      address,
      datagram: composeReply(context, MESSAGE.ack, { address, lease }, isRapid),
      change: this.#claim(exchange, address, expires),
    };
  }

  #claim({ client: { mac }, link }: Exchange, address: Ipv4, expires: number): LeaseChange {
    const renewal = link.leases.leaseOf(mac)?.address === address;
    const claimed = link.leases.claim(mac, address, expires);
    const left = claimed.left ?? this.#links.leaveOthers(mac, link);
    return { lease: claimed.lease, renewal, ...(left !== undefined && { left }) };
  }

  #refuse(exchange: Exchange, address: Ipv4 | undefined): Outcome {
    const { client, request, link } = exchange;
    const detail = refusal(link, address);
    const datagram = composeNak(this.#context(exchange, UNSPECIFIED), detail);
    return { type: 'reply', client, request, reply: 'NAK', address: UNSPECIFIED, datagram, detail };
  }

  /** What a reply is made of when it gives `address`, or is about it. */
  #context({ packet, client, link, answer, ciaddr, override }: Exchange, address: Ipv4): ReplyContext {
    const subnet = subnetOn(link, address) ?? link.subnets[0];
    const { vendorClass } = client;
    const vendor =
      vendorClass === undefined
        ? undefined
        : this.#network.vendorOptions?.find(({ matches }) => matches(vendorClass));
    return {
      subnet,
      prepared: subnet.prepared,
      ...(override !== undefined && { serverIdentifier: encodeOption('ipv4', override) }),
      ...(vendor && { vendorSpecific: vendor.value }),
      request: packet,
      ciaddr,
      answer,
    };
  }

  #quarantineFrom(now: number): number {
    return now + this.#network.quarantine * 1000;
  }
}

function refusal(link: Link, address: Ipv4 | undefined): string {
  if (address === undefined) return 'no address requested';
  const text = formatIpv4(address);
  return subnetOn(link, address)
    ? `${text} is not available to this machine`
    : `${text} is not an address of this network`;
}

/** Seconds. */
function leaseTime({ answer, subnet }: ReplyContext): number {
  return answer.lease ?? subnet.lease;
}

function changeOf(lease: Lease | undefined): { change?: LeaseChange } {
  return lease ? { change: { lease, renewal: false } } : {};
}
