import koffi from 'koffi';
import { type Ipv4, ipv4FromBytes } from './ipv4.ts';
import { AF_INET, MSG_DONTWAIT, SystemCallError } from './libc.ts';
import { allocate, type Memory } from './memory.ts';

const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_SNDBUFFORCE = 32;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;

/** struct sockaddr_in in bytes: its size, and the offsets of its fields. */
export const SOCKADDR_IN = { size: 16, port: 2, address: 4 };
/** The same of other structures in 32-bit words; pointers and lengths take two of them. */
export const IOVEC = { size: 4, base: 0, length: 2 };
export const MMSGHDR = {
  size: 16,
  name: 0,
  namelen: 2,
  iov: 4,
  iovlen: 6,
  control: 8,
  controllen: 10,
  len: 14,
};
/** struct cmsghdr with a 16-bit number after it; `end` is where that ends, in bytes. */
const CMSGHDR = { size: 6, len: 0, level: 2, type: 3, value: 4, end: 18 };

const libc = koffi.load('libc.so.6');
const setsockopt = libc.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t size)');
const recvfrom = libc.func(
  'long recvfrom(int fd, uintptr_t bytes, size_t length, int flags, uintptr_t address, uintptr_t size)',
);
const sendto = libc.func(
  'long sendto(int fd, uintptr_t bytes, size_t length, int flags, uintptr_t address, uint32_t size)',
);
const sendmsg = libc.func('long sendmsg(int fd, uintptr_t message, int flags)');
const sendmmsg = libc.func('int sendmmsg(int fd, uintptr_t messages, unsigned int count, int flags)');

/** An IPv4 address and a UDP port as one whole number, `address * 65536 + port`: cheap to compare and to look up. */
export type Endpoint = number & { readonly endpoint: unique symbol };

/** The endpoint of an address and a port. */
export function endpointOf(address: Ipv4, port: number): Endpoint {
  return (address * 65536 + port) as Endpoint;
}

/** The address part of an endpoint. */
export function addressOfEndpoint(endpoint: Endpoint): Ipv4 {
  return Math.floor(endpoint / 65536) as Ipv4;
}

/** The port part of an endpoint. */
export function portOfEndpoint(endpoint: Endpoint): number {
  return endpoint % 65536;
}

/** A datagram that came. */
export interface Datagram {
  /** Its bytes, until the next one is received: copy what is to be kept. */
  readonly bytes: Uint8Array;
  readonly sender: Endpoint;
}

/** Receives datagrams into memory of its own, one at a time. */
export class DatagramReceiver {
  readonly #buffer;
  /** What the last datagram was. Most are ACKs, so that the next often has the same length. */
  #received: Uint8Array;
  readonly #sender = allocate(SOCKADDR_IN.size);
  readonly #senderSize = allocate(4);

  /** Datagrams longer than `maxLength` bytes are cut. */
  constructor(maxLength: number) {
    this.#buffer = allocate(maxLength);
    this.#received = this.#buffer.bytes.subarray(0, 0);
    this.#senderSize.bytes.writeUInt32LE(SOCKADDR_IN.size);
  }

  /** The next datagram that waits on an IPv4 socket, or undefined; never blocks. Throws SystemCallError. */
  receive(fd: number): Datagram | undefined {
    const { address, bytes } = this.#buffer;
    const length = recvfrom(
      fd,
      address,
      bytes.length,
      MSG_DONTWAIT,
      this.#sender.address,
      this.#senderSize.address,
    );
    if (length < 0) {
      const { EAGAIN, EINTR } = koffi.os.errno;
      const errno = koffi.errno();
      if (errno === EAGAIN || errno === EINTR) return undefined;
      throw new SystemCallError('recvfrom');
    }
    if (this.#received.length !== length) this.#received = bytes.subarray(0, length);
    return { bytes: this.#received, sender: endpointIn(this.#sender.bytes) };
  }
}

/** The endpoint in a struct sockaddr_in. */
export function endpointIn(name: Uint8Array): Endpoint {
  const port = ((name[SOCKADDR_IN.port] ?? 0) << 8) | (name[SOCKADDR_IN.port + 1] ?? 0);
  return (ipv4FromBytes(name, SOCKADDR_IN.address) * 65536 + port) as Endpoint;
}

/** Bytes before the body of each datagram that is sent from where it is. */
export const HEAD = 4;
/** Longest datagram that `send` takes. */
const MAX_SINGLE = 2048;

/**
 * Sends datagrams without ever blocking: one, or a batch with a single system call. Those of a batch have a head of four
 * bytes and a body that the kernel takes from where it is, so that nothing is copied here. A datagram that the kernel
 * doesn't take is lost, as one on the wire is.
 *
 * A batch of equal datagrams, of which the last may be shorter, goes through the kernel as one packet, and is cut into its
 * datagrams by the network card or just before it (UDP_SEGMENT, udp(7)): the way there is most of what a datagram costs.
 */
export class DatagramSender {
  readonly #name = allocate(SOCKADDR_IN.size);
  readonly #single = allocate(MAX_SINGLE);
  /** A message for each datagram, and behind them one that is the whole batch. */
  readonly #messages;
  readonly #vectors;
  readonly #heads: readonly Memory[];
  readonly #segment = allocate(CMSGHDR.size * 4);
  #count = 0;
  /** Bytes in the first body of the batch, and in the last so far. */
  #first = 0;
  #last = 0;
  /** False once two bodies before the last have different lengths. */
  #equal = true;
  /** False once a network card turned out to have no part in checksums, without which the kernel won't cut. */
  #cuts = true;

  /** Batches have at most `capacity` datagrams. */
  constructor(capacity: number) {
    this.#name.bytes.writeUInt16LE(AF_INET);
    this.#messages = allocate((capacity + 1) * MMSGHDR.size * 4);
    this.#vectors = allocate(capacity * 2 * IOVEC.size * 4);
    this.#heads = Array.from({ length: capacity }, () => allocate(HEAD));
    this.#heads.forEach((head, index) => {
      this.#prepareMessage(index, index);
      const vector = 2 * index * IOVEC.size;
      writePointer(this.#vectors.words, vector + IOVEC.base, head.address);
      this.#vectors.words[vector + IOVEC.length] = HEAD;
    });
    this.#prepareBatch(capacity);
  }

  /** Sends `packet`, at most 2048 bytes. Gives the error when the kernel doesn't take it. */
  send(fd: number, to: Endpoint, packet: Uint8Array): SystemCallError | undefined {
    this.#address(to);
    this.#single.bytes.set(packet);
    const { address } = this.#single;
    const sent = sendto(fd, address, packet.length, MSG_DONTWAIT, this.#name.address, SOCKADDR_IN.size);
    return sent < 0 ? new SystemCallError('sendto') : undefined;
  }

  /**
   * Adds a datagram to the batch, with the `length` bytes at `address` as its body (see `addressOf`). Gives its head, to
   * be written before `flush`. Throws RangeError when the batch is full.
   */
  add(address: number, length: number): Uint8Array {
    const head = this.#heads[this.#count];
    if (!head) throw new RangeError(`a batch has room for ${this.#heads.length} datagrams`);
    const vector = (2 * this.#count + 1) * IOVEC.size;
    writePointer(this.#vectors.words, vector + IOVEC.base, address);
    this.#vectors.words[vector + IOVEC.length] = length;
    if (this.#count === 0) {
      this.#first = length;
      this.#equal = true;
    } else if (this.#last !== this.#first) {
      this.#equal = false;
    }
    this.#last = length;
    this.#count++;
    return head.bytes;
  }

  /** Sends the batch and empties it. Gives the error when the kernel takes only its beginning, or nothing. */
  flush(fd: number, to: Endpoint): SystemCallError | undefined {
    this.#address(to);
    const count = this.#count;
    this.#count = 0;
    // For one message sendmmsg is worse: it offers the processor to others before it returns.
    if (count === 1) {
      const sent = sendmsg(fd, this.#messages.address, MSG_DONTWAIT);
      return sent < 0 ? new SystemCallError('sendmsg') : undefined;
    }
    const cuts = this.#cuts && this.#equal && this.#last <= this.#first;
    if (cuts && this.#sendBatch(fd, count)) return undefined;
    let sent = 0;
    while (sent < count) {
      const messages = this.#messages.address + sent * MMSGHDR.size * 4;
      const taken = sendmmsg(fd, messages, count - sent, MSG_DONTWAIT);
      if (taken < 0) return new SystemCallError('sendmmsg');
      sent += taken;
    }
    return undefined;
  }

  /** Sends the batch as one packet. Gives false when the kernel doesn't take it like that: too large, or no way to cut it. */
  #sendBatch(fd: number, count: number): boolean {
    const message = this.#heads.length * MMSGHDR.size;
    this.#messages.words[message + MMSGHDR.iovlen] = 2 * count;
    this.#segment.words[CMSGHDR.value] = HEAD + this.#first;
    if (sendmsg(fd, this.#messages.address + message * 4, MSG_DONTWAIT) >= 0) return true;
    if (koffi.errno() === koffi.os.errno.EIO) this.#cuts = false;
    return false;
  }

  #address(to: Endpoint): void {
    this.#name.bytes.writeUInt16BE(portOfEndpoint(to), SOCKADDR_IN.port);
    this.#name.bytes.writeUInt32BE(addressOfEndpoint(to), SOCKADDR_IN.address);
  }

  /** Fills in what is the same in every batch: where to, and the two vectors of one datagram, its head and its body. */
  #prepareMessage(index: number, datagram: number): void {
    const messages = this.#messages.words;
    const message = index * MMSGHDR.size;
    writePointer(messages, message + MMSGHDR.name, this.#name.address);
    messages[message + MMSGHDR.namelen] = SOCKADDR_IN.size;
    writePointer(messages, message + MMSGHDR.iov, this.#vectors.address + 2 * datagram * IOVEC.size * 4);
    messages[message + MMSGHDR.iovlen] = 2;
  }

  /** The same of the message that is a whole batch: it begins with the first vector, and says how it is to be cut. */
  #prepareBatch(index: number): void {
    this.#prepareMessage(index, 0);
    const messages = this.#messages.words;
    const message = index * MMSGHDR.size;
    writePointer(messages, message + MMSGHDR.control, this.#segment.address);
    messages[message + MMSGHDR.controllen] = CMSGHDR.size * 4;
    const { words } = this.#segment;
    words[CMSGHDR.len] = CMSGHDR.end;
    words[CMSGHDR.level] = SOL_UDP;
    words[CMSGHDR.type] = UDP_SEGMENT;
  }
}

/** Writes an address in two words, the lower one first; each takes as many of its bits as it has. */
export function writePointer(words: Uint32Array, at: number, address: number): void {
  words[at] = address;
  words[at + 1] = address / 0x1_0000_0000;
}

/** Asks for a send buffer of `bytes`; without CAP_NET_ADMIN the kernel grants at most net.core.wmem_max. */
export function setSendBuffer(fd: number, bytes: number): void {
  const value = Buffer.alloc(4);
  value.writeInt32LE(bytes);
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, value, value.length) < 0) {
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, value, value.length);
  }
}
