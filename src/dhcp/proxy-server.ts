import { randomInt } from 'node:crypto';
import type { RemoteInfo, Socket } from 'node:dgram';
import { formatIpv4, type Ipv4, LIMITED_BROADCAST, parseIpv4, UNSPECIFIED } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import type { DhcpEvent } from './events.ts';
import { type DhcpMode, FIRST_LISTEN, OtherServers, type RoleChange } from './other-servers.ts';
import type { Outcome } from './outcome.ts';
import { probeDiscover, readOverheard } from './overheard.ts';
import { type DhcpPacket, decodePacket } from './packet.ts';
import { type ProxyBackend, ProxyResponder } from './proxy.ts';
import type { ProxyNetwork } from './proxy-reply.ts';

export interface ProxyServerOptions {
  /** The network's name. */
  readonly name: string;
  readonly mode: DhcpMode;
  readonly network: ProxyNetwork;
  /** From `openUnicastSocket` for port 4011. Closed by `stop`, like the other one. */
  readonly bootServer: Socket;
  /** From `openSharedSocket` for port 68: hears what other servers broadcast. Not needed in mode `authoritative`. */
  readonly ear?: Socket;
  /** Hardware address that our own DISCOVERs carry; without one none are sent. */
  readonly mac: Mac | undefined;
  readonly backend: ProxyBackend;
  readonly observe: (event: DhcpEvent) => void;
}

type Reply = Extract<Outcome, { type: 'reply' }>;

/** How often `auto` asks for other servers, milliseconds. */
const PROBE_INTERVAL = 3 * 60_000;
/** When it asks after its start: the first datagrams of an interface that has just come up may be lost. */
const FIRST_PROBES = [0, 1000];

/**
 * The boot server of one network, the proxy's decisions, and the watch for other DHCP servers: sockets and timers around
 * ProxyResponder and OtherServers.
 */
export class ProxyServer {
  readonly #options: ProxyServerOptions;
  readonly #responder: ProxyResponder;
  readonly #others: OtherServers;
  readonly #timers: NodeJS.Timeout[] = [];
  #stopped = false;

  constructor(options: ProxyServerOptions) {
    this.#options = options;
    this.#responder = new ProxyResponder(options.network, options.backend);
    this.#others = new OtherServers(options.mode, performance.now());
  }

  /** True while another server gives the addresses, and while it isn't known yet whether there is one. */
  get isActive(): boolean {
    return this.#others.role === 'proxy';
  }

  /** Another server that has shown itself in the last minutes, whatever the role. */
  get otherServer(): Ipv4 | undefined {
    return this.#others.present(performance.now());
  }

  /** As `ProxyResponder.handle`. */
  handle(packet: DhcpPacket, unicast: boolean): Outcome {
    return this.#responder.handle(packet, unicast);
  }

  /** True for a DISCOVER of this host that has come back: our own, or the doctor's, which looks for other servers too. */
  isProbe({ chaddr }: DhcpPacket): boolean {
    return chaddr === this.#options.mac;
  }

  /** Another server has shown itself: a machine has chosen it, or it was overheard. */
  heard(server: Ipv4): void {
    if (server === this.#options.network.address) return;
    this.#tell(this.#others.heard(server, performance.now()));
  }

  /** Takes over a changed configuration of the same network in the same mode. */
  reconfigure(network: ProxyNetwork): void {
    this.#responder.reconfigure(network);
  }

  /** Begins to answer on port 4011 and to listen for other servers. */
  start(): void {
    const { mode, bootServer, ear } = this.#options;
    bootServer.on('message', (bytes, source) => this.#serve(bytes, source));
    ear?.on('message', (bytes) => this.#overhear(bytes));
    // A client that is gone makes the kernel report an error; there is nothing to be done about it.
    for (const socket of [bootServer, ear]) socket?.on('error', () => {});
    if (mode !== 'auto') return;
    for (const delay of FIRST_PROBES) this.#timers.push(setTimeout(() => this.#probe(), delay));
    const tick = () => this.#tell(this.#others.tick(performance.now()));
    this.#timers.push(
      setTimeout(tick, FIRST_LISTEN + 10),
      setInterval(() => {
        this.#probe();
        tick();
      }, PROBE_INTERVAL),
    );
  }

  /** Ends all of it and closes the sockets. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#options.bootServer.close();
    this.#options.ear?.close();
  }

  #serve(bytes: Buffer, source: RemoteInfo): void {
    const received = performance.now();
    const { observe } = this.#options;
    const packet = decodePacket(bytes);
    const peer = { address: parseIpv4(source.address) ?? UNSPECIFIED, port: source.port };
    const outcome: Outcome =
      typeof packet === 'string'
        ? { type: 'dropped', reason: packet }
        : this.#responder.bootServer(packet, peer);
    if (outcome.type === 'dropped') {
      observe({ type: 'dropped', reason: outcome.reason, source: source.address });
    } else if (outcome.type === 'silent') {
      const { client, request, reason, detail } = outcome;
      observe({ type: 'silent', client, request, reason, ...(detail !== undefined && { detail }) });
    } else {
      this.#send(outcome, received);
    }
  }

  #send({ client, request, reply, address, datagram }: Reply, received: number): void {
    const { bootServer, observe } = this.#options;
    bootServer.send(datagram.bytes, datagram.port, formatIpv4(datagram.address), (error) =>
      observe(
        error
          ? { type: 'silent', client, request, reason: 'send-failed', detail: error.message }
          : { type: 'answered', client, request, reply, address, milliseconds: performance.now() - received },
      ),
    );
  }

  #overhear(bytes: Buffer): void {
    const packet = decodePacket(bytes);
    const overheard =
      typeof packet === 'string' ? undefined : readOverheard(packet, this.#options.network.address);
    if (!overheard) return;
    const { server, given } = overheard;
    this.heard(server);
    if (given) this.#options.observe({ type: 'overheard', ...given, server });
  }

  #probe(): void {
    const { mac, ear } = this.#options;
    if (!mac || !ear || this.#stopped) return;
    // A lost one is made up for by the next.
    ear.send(probeDiscover(mac, randomInt(2 ** 32)), 67, formatIpv4(LIMITED_BROADCAST), () => {});
  }

  #tell(change: RoleChange | undefined): void {
    if (change) this.#options.observe({ type: 'role', network: this.#options.name, ...change });
  }
}
