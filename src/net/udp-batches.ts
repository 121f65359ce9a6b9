import koffi from 'koffi';
import {
  addressOfEndpoint,
  type Endpoint,
  endpointIn,
  IOVEC,
  MMSGHDR,
  portOfEndpoint,
  SOCKADDR_IN,
  writePointer,
} from './datagrams.ts';
import { AF_INET, MSG_DONTWAIT, SystemCallError } from './libc.ts';
import { allocate, type Memory } from './memory.ts';

const libc = koffi.load('libc.so.6');
const recvmmsg = libc.func(
  'int recvmmsg(int fd, uintptr_t messages, unsigned int count, int flags, uintptr_t timeout)',
);
const sendmmsg = libc.func('int sendmmsg(int fd, uintptr_t messages, unsigned int count, int flags)');

/** Room for some datagrams and their addresses, laid out as recvmmsg(2) and sendmmsg(2) want it. */
class Slots {
  readonly bytes: readonly Buffer[];
  /** struct sockaddr_in of each. */
  readonly names: readonly Buffer[];
  readonly messages: Memory;
  readonly vectors: Memory;

  constructor(capacity: number, length: number) {
    const bytes = allocate(capacity * length);
    const names = allocate(capacity * SOCKADDR_IN.size);
    this.messages = allocate(capacity * MMSGHDR.size * 4);
    this.vectors = allocate(capacity * IOVEC.size * 4);
    const { words } = this.messages;
    for (let index = 0; index < capacity; index += 1) {
      const message = index * MMSGHDR.size;
      const vector = index * IOVEC.size;
      writePointer(words, message + MMSGHDR.name, names.address + index * SOCKADDR_IN.size);
      words[message + MMSGHDR.namelen] = SOCKADDR_IN.size;
      writePointer(words, message + MMSGHDR.iov, this.vectors.address + vector * 4);
      words[message + MMSGHDR.iovlen] = 1;
      writePointer(this.vectors.words, vector + IOVEC.base, bytes.address + index * length);
      this.vectors.words[vector + IOVEC.length] = length;
    }
    const cut = ({ bytes: all }: Memory, size: number) =>
      Array.from({ length: capacity }, (_, index) => all.subarray(index * size, (index + 1) * size));
    this.bytes = cut(bytes, length);
    this.names = cut(names, SOCKADDR_IN.size);
  }

  get capacity(): number {
    return this.bytes.length;
  }
}

/** Receives many datagrams with one system call, into memory of its own. */
export class BatchReceiver {
  readonly #slots: Slots;
  /** What was received in each slot last: often the next is as long. */
  readonly #received: Buffer[];

  /** At most `capacity` datagrams at once; what is longer than `length` bytes is cut. */
  constructor(capacity: number, length: number) {
    this.#slots = new Slots(capacity, length);
    this.#received = this.#slots.bytes.map((bytes) => bytes.subarray(0, 0));
  }

  get capacity(): number {
    return this.#slots.capacity;
  }

  /** Takes what waits on an IPv4 socket, and never blocks; gives how many datagrams. Throws SystemCallError. */
  receive(fd: number): number {
    const { messages, capacity } = this.#slots;
    const count: number = recvmmsg(fd, messages.address, capacity, MSG_DONTWAIT, 0);
    if (count >= 0) return count;
    const errno = koffi.errno();
    const { EAGAIN, EINTR } = koffi.os.errno;
    if (errno === EAGAIN || errno === EINTR) return 0;
    throw new SystemCallError('recvmmsg', errno);
  }

  /** The bytes of one of the datagrams, counted from 0, until the next call of `receive`: copy what is to be kept. */
  bytes(index: number): Buffer {
    const length = this.#slots.messages.words[index * MMSGHDR.size + MMSGHDR.len] as number;
    const last = this.#received[index] as Buffer;
    if (last.length === length) return last;
    const bytes = (this.#slots.bytes[index] as Buffer).subarray(0, length);
    this.#received[index] = bytes;
    return bytes;
  }

  /** Where one of them came from. */
  sender(index: number): Endpoint {
    return endpointIn(this.#slots.names[index] as Buffer);
  }
}

/** Sends many datagrams with one system call, each to an endpoint of its own. */
export class BatchSender {
  readonly #slots: Slots;
  readonly #length: number;
  #count = 0;

  /** At most `capacity` datagrams at once, of at most `length` bytes each. */
  constructor(capacity: number, length: number) {
    this.#slots = new Slots(capacity, length);
    this.#length = length;
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count === this.#slots.capacity;
  }

  /** Adds a copy of a datagram to the batch. Throws RangeError when it is too long, or the batch full. */
  add(to: Endpoint, datagram: Uint8Array): void {
    const index = this.#count;
    const bytes = this.#slots.bytes[index];
    const name = this.#slots.names[index];
    if (!bytes || !name || datagram.length > this.#length)
      throw new RangeError(`${datagram.length} bytes as number ${index + 1} of a batch`);
    bytes.set(datagram);
    this.#slots.vectors.words[index * IOVEC.size + IOVEC.length] = datagram.length;
    name.writeUInt16LE(AF_INET);
    name.writeUInt16BE(portOfEndpoint(to), SOCKADDR_IN.port);
    name.writeUInt32BE(addressOfEndpoint(to), SOCKADDR_IN.address);
    this.#count = index + 1;
  }

  /** Sends the batch and empties it, without ever blocking. Gives the error of each datagram that the kernel didn't take. */
  flush(fd: number): ReadonlyMap<number, SystemCallError> {
    const count = this.#count;
    this.#count = 0;
    let failed = NONE;
    for (let next = 0; next < count; ) {
      const messages = this.#slots.messages.address + next * MMSGHDR.size * 4;
      const sent: number = sendmmsg(fd, messages, count - next, MSG_DONTWAIT);
      if (sent < 0) {
        // It is about the first of them.
        failed = new Map([...failed, [next, new SystemCallError('sendmmsg')]]);
        next += 1;
      } else {
        next += sent;
      }
    }
    return failed;
  }
}

const NONE: ReadonlyMap<number, SystemCallError> = new Map();
