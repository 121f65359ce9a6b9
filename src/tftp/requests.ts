import type { Endpoint } from '../net/datagrams.ts';
import type { TftpPeer } from './events.ts';
import type { TftpOption } from './packet.ts';
import type { Session } from './session.ts';

/** A read request from its arrival to its end. */
export interface ReadRequest {
  /** Never used again for another request. */
  readonly id: number;
  readonly client: TftpPeer;
  /** `client` as it is compared and sent to. */
  readonly endpoint: Endpoint;
  /** The normalised file name. */
  readonly file: string;
  /** The datagram as it came, to know a repetition. */
  readonly bytes: Uint8Array;
  readonly options: readonly TftpOption[];
  /** False when the mode is octet. */
  readonly netascii: boolean;
  /** When it came, milliseconds on a monotonic clock. */
  readonly startedAt: number;
  /** The transfer, once the file has been found. */
  session?: Session;
}

/**
 * The requests being served, by client address and port: a client's port is its TID (RFC 1350 §4), so it has one
 * transfer at a time there.
 */
export class RequestTable {
  readonly #byEndpoint = new Map<Endpoint, ReadRequest>();
  readonly #byId = new Map<number, ReadRequest>();
  readonly #countByAddress = new Map<string, number>();

  get size(): number {
    return this.#byEndpoint.size;
  }

  /** How many requests of one address are being served, whatever their ports. */
  countOf(address: string): number {
    return this.#countByAddress.get(address) ?? 0;
  }

  /** The request that this client has here. */
  of(endpoint: Endpoint): ReadRequest | undefined {
    return this.#byEndpoint.get(endpoint);
  }

  /** The request with this id, until it is removed. */
  withId(id: number): ReadRequest | undefined {
    return this.#byId.get(id);
  }

  /** Its client must have no other request in the table. */
  add(request: ReadRequest): void {
    this.#byEndpoint.set(request.endpoint, request);
    this.#byId.set(request.id, request);
    const { address } = request.client;
    this.#countByAddress.set(address, this.countOf(address) + 1);
  }

  remove(request: ReadRequest): void {
    this.#byEndpoint.delete(request.endpoint);
    this.#byId.delete(request.id);
    const { address } = request.client;
    const rest = this.countOf(address) - 1;
    if (rest > 0) this.#countByAddress.set(address, rest);
    else this.#countByAddress.delete(address);
  }

  /** The requests now; one may be removed while they are walked. */
  values(): Iterable<ReadRequest> {
    return this.#byEndpoint.values();
  }
}
