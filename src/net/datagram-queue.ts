import koffi from 'koffi';
import {
  addressOfEndpoint,
  type Endpoint,
  HEAD,
  IOVEC,
  MMSGHDR,
  portOfEndpoint,
  SOCKADDR_IN,
  writePointer,
} from './datagrams.ts';
import { AF_INET, MSG_DONTWAIT, SystemCallError } from './libc.ts';
import { allocate } from './memory.ts';

const libc = koffi.load('libc.so.6');
const sendmsg = libc.func('long sendmsg(int fd, uintptr_t message, int flags)');
const sendmmsg = libc.func('int sendmmsg(int fd, uintptr_t messages, unsigned int count, int flags)');

/** Whose datagram it was. */
export interface DatagramOwner {
  /** The kernel didn't take it: it is lost, as one on the wire is. */
  sendFailed(error: SystemCallError): void;
}

/**
 * Datagrams that leave together, with one system call for all of a socket, each to an endpoint of its own: many system calls
 * cost more than what they carry. Each has a head of four bytes, and a body that the kernel takes from where it is, so
 * that nothing is copied here. Never blocks.
 */
export class DatagramQueue {
  readonly #capacity: number;
  readonly #heads;
  readonly #headBytes: readonly Uint8Array[];
  readonly #names;
  readonly #vectors;
  readonly #messages;
  readonly #owners: DatagramOwner[] = [];
  #fd = -1;

  /** Sends of itself whenever `capacity` datagrams are waiting. */
  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#heads = allocate(capacity * HEAD);
    this.#names = allocate(capacity * SOCKADDR_IN.size);
    this.#vectors = allocate(capacity * 2 * IOVEC.size * 4);
    this.#messages = allocate(capacity * MMSGHDR.size * 4);
    this.#headBytes = Array.from({ length: capacity }, (_, index) =>
      this.#heads.bytes.subarray(index * HEAD, (index + 1) * HEAD),
    );
    for (let index = 0; index < capacity; index++) this.#prepare(index);
  }

  /**
   * Adds a datagram from the socket `fd` to `to`, with the `length` bytes at `address` as its body (see `addressOf`), which
   * must stay there until `flush`. Gives its head, to be written at once.
   */
  add(fd: number, to: Endpoint, address: number, length: number, owner: DatagramOwner): Uint8Array {
    if (fd !== this.#fd || this.#owners.length === this.#capacity) {
      this.flush();
      this.#fd = fd;
    }
    const index = this.#owners.push(owner) - 1;
    const name = index * SOCKADDR_IN.size;
    this.#names.bytes.writeUInt16BE(portOfEndpoint(to), name + SOCKADDR_IN.port);
    this.#names.bytes.writeUInt32BE(addressOfEndpoint(to), name + SOCKADDR_IN.address);
    const body = (2 * index + 1) * IOVEC.size;
    writePointer(this.#vectors.words, body + IOVEC.base, address);
    this.#vectors.words[body + IOVEC.length] = length;
    return this.#headBytes[index] as Uint8Array;
  }

  /** Sends what is waiting. Tells the owners of datagrams that the kernel doesn't take. */
  flush(): void {
    const count = this.#owners.length;
    if (count === 0) return;
    for (let next = 0; next < count; ) {
      const sent = this.#send(next, count - next);
      // An error is about the first of them.
      if (sent < 0) this.#owners[next]?.sendFailed(new SystemCallError('sendmmsg'));
      next += Math.max(sent, 1);
    }
    this.#owners.length = 0;
  }

  /** Gives how many of them were sent, -1 with an errno when not even the first was. */
  #send(first: number, count: number): number {
    const message = this.#messages.address + first * MMSGHDR.size * 4;
    if (count > 1) return sendmmsg(this.#fd, message, count, MSG_DONTWAIT);
    // For one message sendmmsg is worse: it offers the processor to others before it returns.
    return sendmsg(this.#fd, message, MSG_DONTWAIT) < 0 ? -1 : 1;
  }

  /** Fills in what is the same in every datagram at this place. */
  #prepare(index: number): void {
    const name = index * SOCKADDR_IN.size;
    this.#names.bytes.writeUInt16LE(AF_INET, name);
    const head = 2 * index * IOVEC.size;
    writePointer(this.#vectors.words, head + IOVEC.base, this.#heads.address + index * HEAD);
    this.#vectors.words[head + IOVEC.length] = HEAD;
    const { words } = this.#messages;
    const message = index * MMSGHDR.size;
    writePointer(words, message + MMSGHDR.name, this.#names.address + name);
    words[message + MMSGHDR.namelen] = SOCKADDR_IN.size;
    writePointer(words, message + MMSGHDR.iov, this.#vectors.address + head * 4);
    words[message + MMSGHDR.iovlen] = 2;
  }
}
