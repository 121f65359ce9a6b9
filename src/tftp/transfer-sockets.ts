import type { Ipv4 } from '../net/ipv4.ts';
import { closeDescriptor } from '../net/libc.ts';
import type { TftpPeer } from './events.ts';
import { openUdpSocket } from './socket.ts';

/**
 * Transfers that one socket serves in its life. A block and an ACK of each fit into Linux's default buffers of 212,992 bytes,
 * where one of 1468 bytes is charged with 2304, and even an empty datagram with 768.
 */
const MAX_SHARING = 64;

/**
 * The sockets that transfers leave from, each with a port of its own: the server's TIDs (RFC 1350 §4). Transfers that begin
 * while others run share one, so that their packets come and go many to a system call. But no client has a second
 * transfer from the same socket, so what it sends late never passes for a part of its next one.
 */
export class TransferSockets {
  readonly #address: Ipv4;
  /** The transfers that run on each open socket. */
  readonly #running = new Map<number, number>();
  /** The socket that others may join, and whom it has served. */
  #shared: { readonly fd: number; readonly clients: Set<string> } | undefined;

  constructor(address: Ipv4) {
    this.#address = address;
  }

  /** A socket for one transfer of `client`: `shared` with others, or new. Throws SystemCallError. */
  take(client: TftpPeer, shared: boolean): number {
    const fd = shared ? this.#join(`${client.address}:${client.port}`) : openUdpSocket(this.#address, 0);
    this.#running.set(fd, (this.#running.get(fd) ?? 0) + 1);
    return fd;
  }

  /** One transfer of those that `take` gave this socket is over; with the last the socket is closed. */
  release(fd: number): void {
    const rest = (this.#running.get(fd) ?? 0) - 1;
    if (rest > 0) {
      this.#running.set(fd, rest);
      return;
    }
    this.#running.delete(fd);
    if (this.#shared?.fd === fd) this.#shared = undefined;
    closeDescriptor(fd);
  }

  #join(client: string): number {
    if (!this.#shared || this.#shared.clients.size === MAX_SHARING || this.#shared.clients.has(client)) {
      this.#shared = { fd: openUdpSocket(this.#address, 0), clients: new Set() };
    }
    this.#shared.clients.add(client);
    return this.#shared.fd;
  }
}
