import type { RemoteInfo, Socket } from 'node:dgram';
import { formatIpv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import type { BroadcastSockets } from '../net/udp.ts';
import type { DhcpEvent, SilenceReason } from './events.ts';
import type { Lease, LeaseTable } from './leases.ts';
import type { DhcpNetwork } from './network.ts';
import { decodePacket } from './packet.ts';
import { type DhcpBackend, DhcpResponder, type LeaseChange, type Outcome } from './responder.ts';

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
  /** The leases known from before. */
  readonly leases: Iterable<Lease>;
  readonly store: LeaseStore;
  readonly observe: (event: DhcpEvent) => void;
}

/** More replies than this waiting for the disk, and new requests are dropped: their clients ask again. */
const MAX_WAITING = 10_000;

type Understood = Exclude<Outcome, { type: 'dropped' }>;

/** The DHCP server of one network: sockets, clock and lease store around a DhcpResponder. */
export class DhcpServer {
  readonly #responder: DhcpResponder;
  readonly #sockets: BroadcastSockets;
  readonly #store: LeaseStore;
  readonly #observe: (event: DhcpEvent) => void;
  #waiting = 0;
  #stopped = false;

  constructor(options: DhcpServerOptions) {
    this.#responder = new DhcpResponder(options.network, options.backend, options.leases);
    this.#sockets = options.sockets;
    this.#store = options.store;
    this.#observe = options.observe;
  }

  /** The network's addresses and who has them. */
  get leases(): LeaseTable {
    return this.#responder.leases;
  }

  /** Takes over a changed configuration of the same network; leases stay. */
  reconfigure(network: DhcpNetwork): void {
    this.#responder.reconfigure(network);
  }

  /**
   * Lets a machine keep the address that it uses for at least `seconds` from now, as if it had renewed its lease. Nothing
   * changes when the address isn't its own, is no longer to be had, or is its own for longer. Rejects when the lease can't be
   * written down; it holds until a restart all the same.
   */
  async prolong(mac: Mac, address: string, seconds: number): Promise<void> {
    const now = Date.now();
    const lease = this.leases.leaseOf(mac);
    const expires = now + seconds * 1000;
    if (!lease || formatIpv4(lease.address) !== address || lease.expires >= expires) return;
    if (!this.leases.isAvailable(mac, lease.address, now)) return;
    const { lease: longer } = this.leases.claim(mac, lease.address, expires);
    await this.#store.commit({ lease: longer, renewal: true });
  }

  /** Begins to answer. What arrived on the sockets before is answered now. */
  start(): void {
    const listen = (socket: Socket, unicast: boolean) =>
      socket.on('message', (bytes, source) => this.#receive(bytes, source, unicast));
    listen(this.#sockets.broadcast, false);
    listen(this.#sockets.unicast, true);
  }

  /** Stops answering and closes the sockets. Replies that wait for the disk aren't sent any more. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#sockets.broadcast.close();
    this.#sockets.unicast.close();
  }

  #receive(bytes: Buffer, source: RemoteInfo, unicast: boolean): void {
    const received = performance.now();
    const outcome = this.#decide(bytes, unicast);
    if (outcome.type === 'dropped') {
      this.#observe({ type: 'dropped', reason: outcome.reason, source: source.address });
    } else if (outcome.change) {
      void this.#commitThenFinish(outcome, outcome.change, received);
    } else {
      this.#finish(outcome, received);
    }
  }

  #decide(bytes: Buffer, unicast: boolean): Outcome {
    const packet = decodePacket(bytes);
    if (typeof packet === 'string') return { type: 'dropped', reason: packet };
    if (this.#waiting >= MAX_WAITING) return { type: 'dropped', reason: 'overloaded' };
    return this.#responder.handle(packet, unicast, Date.now());
  }

  async #commitThenFinish(outcome: Understood, change: LeaseChange, received: number): Promise<void> {
    this.#waiting += 1;
    try {
      await this.#store.commit(change);
    } catch (error) {
      // A full disk must not take away an address that is on record for this machine already.
      if (!change.renewal) {
        const detail = `${formatIpv4(change.lease.address)} could not be written down: ${(error as Error).message}`;
        this.#keepSilent(outcome, 'store-failed', detail);
        return;
      }
    } finally {
      this.#waiting -= 1;
    }
    this.#finish(outcome, received);
  }

  #finish(outcome: Understood, received: number): void {
    if (outcome.type === 'silent') {
      this.#keepSilent(outcome, outcome.reason, outcome.detail);
      return;
    }
    if (this.#stopped) return;
    const { client, request, reply, address, datagram, detail } = outcome;
    this.#sockets.unicast.send(datagram.bytes, datagram.port, formatIpv4(datagram.address), (error) => {
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
      ...(detail !== undefined && { detail }),
    });
  }
}
