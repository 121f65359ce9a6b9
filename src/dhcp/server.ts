import { addressOfEndpoint, type Endpoint, portOfEndpoint } from '../net/datagrams.ts';
import { formatIpv4, type Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import type { BroadcastSockets } from '../net/udp.ts';
import type { AddressCheck } from './address-check.ts';
import { DhcpChannel } from './channel.ts';
import type { DhcpEvent, SilenceReason } from './events.ts';
import type { Lease } from './leases.ts';
import type { Leases } from './links.ts';
import type { DhcpNetwork } from './network.ts';
import type { LeaseChange, Outcome } from './outcome.ts';
import { decodePacket } from './packet.ts';
import { isAboutOwnLease } from './proxy.ts';
import type { ProxyServer } from './proxy-server.ts';
import { wantsSourcePort } from './relay.ts';
import { type DhcpBackend, DhcpResponder } from './responder.ts';

/** Where leases are written down. */
export interface LeaseStore {
  /** Resolves once the change would survive the loss of this process; rejects when it can't be written. */
  commit(change: LeaseChange): Promise<void>;
}

export interface DhcpServerOptions {
  readonly network: DhcpNetwork;
  /** From `openBroadcastSockets`, bound to the network's interface. The server closes them when it stops. */
  readonly sockets: BroadcastSockets;
  readonly backend: DhcpBackend;
  /** The leases known from before, of this network or others. */
  readonly leases: Iterable<Lease>;
  readonly store: LeaseStore;
  /** What answers in place of this server while another one gives the addresses. Started and stopped with it. */
  readonly proxy: ProxyServer;
  /** Looks whether an address is in use before a machine gets it that didn't have it. */
  readonly check: AddressCheck;
  readonly observe: (event: DhcpEvent) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** More replies than this waiting for the disk, and new requests are dropped: their clients ask again. */
const MAX_WAITING = 10_000;

/**
 * An offer waits for a look at its address, and for another when somebody was found there: but not after this many
 * milliseconds. With the last look it then comes within half a second, before any client asks again.
 */
const LOOK_AGAIN = 200;

type Understood = Exclude<Outcome, { type: 'dropped' }>;
type Reply = Extract<Outcome, { type: 'reply' }>;

/** A datagram, and how and when it came. */
interface Received {
  readonly bytes: Buffer;
  readonly source: Endpoint;
  readonly unicast: boolean;
  /** Milliseconds of the monotonic clock. */
  readonly received: number;
}

/** The DHCP server of one network: sockets, clock and lease store around a DhcpResponder. */
export class DhcpServer {
  readonly #responder: DhcpResponder;
  readonly #channel: DhcpChannel;
  readonly #store: LeaseStore;
  readonly #proxy: ProxyServer;
  readonly #check: AddressCheck;
  readonly #observe: (event: DhcpEvent) => void;
  readonly #now: () => number;
  /** Addresses whose new lease is on its way to the disk, and how often. */
  readonly #unwritten = new Map<Ipv4, number>();
  #waiting = 0;
  #stopped = false;

  constructor(options: DhcpServerOptions) {
    this.#responder = new DhcpResponder(options.network, options.backend, options.leases);
    this.#channel = new DhcpChannel(options.sockets);
    this.#store = options.store;
    this.#proxy = options.proxy;
    this.#check = options.check;
    this.#observe = options.observe;
    this.#now = options.now;
  }

  /** The network's addresses and who has them. */
  get leases(): Leases {
    return this.#responder.links;
  }

  /** Takes over a changed configuration of the same network; leases stay. */
  reconfigure(network: DhcpNetwork): void {
    this.#responder.reconfigure(network);
    this.#proxy.reconfigure(network);
  }

  /**
   * The clock was set: every lease lasts as long as it would have, on disk as well. `move` gives the new end of what was to
   * end at a moment. Otherwise, addresses in use would be given to others, or kept for machines that are long gone.
   */
  moveEnds(move: (end: number) => number): void {
    for (const lease of this.#responder.links.moveEnds(move)) {
      // What can't be written now, the store catches up on.
      this.#store.commit({ lease, renewal: true }).catch(() => {});
    }
  }

  /**
   * Lets a machine keep the address that it uses for at least `seconds` from now, as if it had renewed its lease. Nothing
   * changes when the address isn't its own, is no longer to be had, or is its own for longer. Rejects when the lease can't be
   * written down; it holds until a restart all the same.
   */
  async prolong(mac: Mac, address: string, seconds: number): Promise<void> {
    const now = this.#now();
    const lease = this.leases.leaseOf(mac);
    const expires = now + seconds * 1000;
    if (!lease || formatIpv4(lease.address) !== address || lease.expires >= expires) return;
    const leases = this.#responder.links.linkOf(lease.address)?.leases;
    if (!leases?.isAvailable(mac, lease.address, now, leases.placeAt(lease.address))) return;
    const { lease: longer } = leases.claim(mac, lease.address, expires);
    await this.#store.commit({ lease: longer, renewal: true });
  }

  /** Begins to answer. What arrived on the sockets before is answered now. */
  start(): void {
    this.#channel.listen((bytes, source, unicast) =>
      this.#carryOut({ bytes, source, unicast, received: performance.now() }),
    );
    this.#proxy.start();
  }

  /** Stops answering and closes the sockets. Replies that wait for the disk aren't sent any more. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#proxy.stop();
    this.#channel.close();
  }

  /** Decides about a request and does what was decided; again, with another address, when the one to be offered is in use. */
  #carryOut(request: Received): void {
    const { received } = request;
    const outcome = this.#decide(request);
    if (outcome.type === 'dropped') {
      const source = formatIpv4(addressOfEndpoint(request.source));
      this.#observe({ type: 'dropped', reason: outcome.reason, source });
    } else if (outcome.change) {
      void this.#commitThenFinish(outcome, outcome.change, received);
    } else if (outcome.type === 'reply' && outcome.lookFirst && performance.now() - received < LOOK_AGAIN) {
      const look = this.#check.look(outcome.address, outcome.client.mac, outcome.lookFirst);
      // It may have to be decided about again, when its bytes have long been overwritten.
      if (look) void this.#finishOrCarryOut(outcome, look, { ...request, bytes: Buffer.from(request.bytes) });
      else this.#finish(outcome, received);
    } else {
      this.#finish(outcome, received);
    }
  }

  async #finishOrCarryOut(offer: Reply, look: Promise<boolean>, request: Received): Promise<void> {
    const isInUse = await look;
    const { address, client } = offer;
    if (!this.leases.isOffered(client.mac, address)) {
      this.#keepSilent(offer, 'offer-too-late', undefined);
    } else if (!isInUse) {
      this.#finish(offer, request.received);
    } else if (!this.#stopped) {
      this.#putAside(offer);
      this.#carryOut(request);
    }
  }

  /** Takes an address that was to be offered out of use. It stays so until a restart even if it can't be written down. */
  #putAside({ address, client }: Reply): void {
    const change = this.#responder.conflict(address, this.#now());
    this.#observe({ type: 'conflict', client, address });
    if (change) void this.#store.commit(change).catch(() => {});
  }

  #decide({ bytes, source, unicast }: Received): Outcome {
    const packet = decodePacket(bytes);
    if (typeof packet === 'string') return { type: 'dropped', reason: packet };
    if (this.#waiting >= MAX_WAITING) return { type: 'dropped', reason: 'overloaded' };
    if (this.#proxy.isProbe(packet)) return { type: 'dropped', reason: 'own-probe' };
    const now = this.#now();
    const holder = (address: Ipv4) => this.leases.holder(address, now);
    const outcome =
      this.#proxy.isActive && !isAboutOwnLease(packet, unicast, holder)
        ? this.#proxy.handle(packet, unicast)
        : this.#responder.handle(packet, unicast, now);
    if (outcome.type === 'silent' && outcome.server !== undefined) this.#proxy.heard(outcome.server);
    // Port 0 is nobody's, and the kernel refuses to send there.
    const port = portOfEndpoint(source);
    if (outcome.type === 'reply' && port !== 0 && wantsSourcePort(packet))
      return { ...outcome, datagram: { ...outcome.datagram, port } };
    return outcome;
  }

  async #commitThenFinish(outcome: Understood, change: LeaseChange, received: number): Promise<void> {
    const { address } = change.lease;
    // What is on record only when an earlier change is, which is still on its way to the disk, isn't yet.
    const isOnRecord = change.renewal && !this.#unwritten.has(address);
    if (!isOnRecord) this.#countUnwritten(address, 1);
    this.#waiting += 1;
    try {
      await this.#store.commit({ ...change, renewal: isOnRecord });
    } catch (error) {
      // A full disk must not take away an address that is on record for this machine already.
      if (!isOnRecord) {
        if (outcome.type === 'reply') this.#responder.takeBack(change);
        const detail = `${formatIpv4(address)} could not be written down: ${(error as Error).message}`;
        this.#keepSilent(outcome, 'store-failed', detail);
        return;
      }
    } finally {
      this.#waiting -= 1;
      if (!isOnRecord) this.#countUnwritten(address, -1);
    }
    this.#finish(outcome, received);
  }

  #countUnwritten(address: Ipv4, more: 1 | -1): void {
    const count = (this.#unwritten.get(address) ?? 0) + more;
    if (count > 0) this.#unwritten.set(address, count);
    else this.#unwritten.delete(address);
  }

  #finish(outcome: Understood, received: number): void {
    if (outcome.type === 'silent') {
      this.#keepSilent(outcome, outcome.reason, outcome.detail);
      return;
    }
    if (this.#stopped) return;
    const { client, request, reply, address, datagram, detail } = outcome;
    this.#channel.send(datagram, (error) => {
      if (error) {
        this.#keepSilent(outcome, 'send-failed', error.message);
        return;
      }
      this.#observe({
        type: 'answered',
        client,
        request,
        reply,
        address,
        milliseconds: performance.now() - received,
        ...(detail !== undefined && { detail }),
      });
    });
  }

  #keepSilent(outcome: Understood, reason: SilenceReason, detail: string | undefined): void {
    const { client, request } = outcome;
    this.#observe({
      type: 'silent',
      client,
      request,
      reason,
      ...(outcome.type === 'silent' && outcome.server !== undefined && { server: outcome.server }),
      ...(outcome.type === 'silent' && outcome.address !== undefined && { address: outcome.address }),
      ...(detail !== undefined && { detail }),
    });
  }
}
