import type { RemoteInfo } from 'node:dgram';
import { type Endpoint, endpointOf } from '../net/datagrams.ts';
import { formatIpv4, parseIpv4, UNSPECIFIED } from '../net/ipv4.ts';
import { SystemCallError } from '../net/libc.ts';
import type { BroadcastSockets } from '../net/udp.ts';
import { BatchReceiver, BatchSender } from '../net/udp-batches.ts';
import type { Datagram } from './compose.ts';

/** What came: its bytes are good until the function that it is handed to returns. */
export type OnReceived = (bytes: Buffer, source: Endpoint, unicast: boolean) => void;
/** Told whether the kernel has taken a datagram, that is, without an error. */
export type OnSent = (error: Error | undefined) => void;

/** Datagrams received or sent with one system call. */
const BATCH = 64;
/** Longer messages are cut: no DHCP message is as long. */
const LONGEST_RECEIVED = 4096;
/** No reply is longer than an Ethernet frame. */
const LONGEST_SENT = 1500;
/** Datagrams handed over before the event loop goes on, so that a flood of them leaves time for the rest. */
const MOST_AT_ONCE = 256;

/** Shared by all channels, since what is in it never outlasts a call. */
const receiver = new BatchReceiver(BATCH, LONGEST_RECEIVED);

/**
 * The two sockets of a DHCP server, with few system calls for many datagrams: when Node.js hands over one that came, all that
 * wait behind it are taken at once; and replies of one turn leave together at its end.
 */
export class DhcpChannel {
  readonly #sockets: BroadcastSockets;
  readonly #sender = new BatchSender(BATCH, LONGEST_SENT);
  readonly #waiting: { readonly datagram: Datagram; readonly onSent: OnSent }[] = [];
  /** How many more datagrams may be taken in this turn of the event loop. */
  #left = MOST_AT_ONCE;
  #isOpen = true;

  constructor(sockets: BroadcastSockets) {
    this.#sockets = sockets;
  }

  /** Hands over what comes, and what has come before. */
  listen(onReceived: OnReceived): void {
    const { broadcast, unicast, descriptors } = this.#sockets;
    for (const [socket, fd, isUnicast] of [
      [broadcast, descriptors.broadcast, false],
      [unicast, descriptors.unicast, true],
    ] as const) {
      socket.on('message', (bytes: Buffer, { address, port }: RemoteInfo) => {
        onReceived(bytes, endpointOf(parseIpv4(address) ?? UNSPECIFIED, port), isUnicast);
        this.#takeMore(fd, isUnicast, onReceived);
      });
    }
  }

  /** Sends a datagram when the code that runs now is done, so that others can go with it. */
  send(datagram: Datagram, onSent: OnSent): void {
    if (this.#waiting.length === 0) queueMicrotask(() => this.#flush());
    this.#sender.add(endpointOf(datagram.address, datagram.port), datagram.bytes);
    this.#waiting.push({ datagram, onSent });
    if (this.#sender.isFull) this.#flush();
  }

  /** Sends what waits, and closes the sockets. */
  close(): void {
    if (!this.#isOpen) return;
    this.#flush();
    this.#isOpen = false;
    this.#sockets.broadcast.close();
    this.#sockets.unicast.close();
  }

  #takeMore(fd: number, unicast: boolean, onReceived: OnReceived): void {
    if (this.#left === MOST_AT_ONCE) {
      setImmediate(() => {
        this.#left = MOST_AT_ONCE;
      });
    }
    // One may be the last: whoever is told of a datagram may close the sockets.
    while (this.#left > 0 && this.#isOpen) {
      const count = take(fd);
      this.#left -= Math.max(count, 1);
      for (let index = 0; index < count; index += 1) {
        onReceived(receiver.bytes(index), receiver.sender(index), unicast);
      }
      this.#flush();
      if (count < receiver.capacity) return;
    }
  }

  #flush(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting.splice(0);
    const failed = this.#sender.flush(this.#sockets.descriptors.unicast);
    waiting.forEach(({ datagram, onSent }, index) => {
      const error = failed.get(index);
      if (error?.code === 'EAGAIN') this.#sendLater(datagram, onSent);
      else onSent(error);
    });
  }

  /** The kernel has no room now: Node.js waits until it has. */
  #sendLater({ bytes, address, port }: Datagram, onSent: OnSent): void {
    this.#sockets.unicast.send(bytes, port, formatIpv4(address), (error) => onSent(error ?? undefined));
  }
}

/** How many datagrams were received. What the kernel reports instead is of one before, or of an interface that is down. */
function take(fd: number): number {
  try {
    return receiver.receive(fd);
  } catch (error) {
    if (error instanceof SystemCallError) return 0;
    throw error;
  }
}
