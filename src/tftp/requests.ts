import type { TftpPeer } from './events.ts';
import type { Session } from './session.ts';

/** A read request from its arrival to its end. */
export interface ReadRequest {
  readonly client: TftpPeer;
  /** The normalised file name. */
  readonly file: string;
  /** The datagram as it came, to know a repetition. */
  readonly bytes: Uint8Array;
  /** When it came, milliseconds on a monotonic clock. */
  readonly startedAt: number;
  /** The transfer, once the backend has answered. */
  session?: Session;
}

/**
 * The requests being served, by client address and port: a client's port is its TID (RFC 1350 §4), so it has one
 * transfer at a time there.
 */
export class RequestTable {
  readonly #byPeer = new Map<string, ReadRequest>();
  readonly #countByAddress = new Map<string, number>();

  get size(): number {
    return this.#byPeer.size;
  }

  /** How many requests of one address are being served, whatever their ports. */
  countOf(address: string): number {
    return this.#countByAddress.get(address) ?? 0;
  }

  get(client: TftpPeer): ReadRequest | undefined {
    return this.#byPeer.get(keyOf(client));
  }

  /** True until the request is removed. */
  has(request: ReadRequest): boolean {
    return this.get(request.client) === request;
  }

  /** The peer must have no other request in the table. */
  add(request: ReadRequest): void {
    this.#byPeer.set(keyOf(request.client), request);
    const { address } = request.client;
    this.#countByAddress.set(address, this.countOf(address) + 1);
  }

  remove(request: ReadRequest): void {
    this.#byPeer.delete(keyOf(request.client));
    const { address } = request.client;
    const rest = this.countOf(address) - 1;
    if (rest > 0) this.#countByAddress.set(address, rest);
    else this.#countByAddress.delete(address);
  }

  /** The requests now; one may be removed while they are walked. */
  values(): Iterable<ReadRequest> {
    return this.#byPeer.values();
  }
}

function keyOf(client: TftpPeer): string {
  return `${client.address}:${client.port}`;
}
