import type { DatagramOwner, DatagramQueue } from '../net/datagram-queue.ts';
import type { DatagramSender, Endpoint } from '../net/datagrams.ts';
import type { TftpEvent, TftpFailure, TftpPeer } from './events.ts';
import type { Contents } from './messages.ts';
import { escapeBytes } from './name.ts';
import type { Terms } from './options.ts';
import {
  type AckPacket,
  ErrorCode,
  type ErrorPacket,
  encodeError,
  encodeOack,
  Opcode,
  writeDataHead,
} from './packet.ts';
import { Transfer, type TransferStep } from './transfer.ts';

/** One file on its way to one client. */
export interface SessionOptions {
  /** The descriptor packets leave from. */
  readonly socket: number;
  readonly sender: DatagramSender;
  /** Takes single blocks, to be sent before the next wait, and before the contents go. */
  readonly queue: DatagramQueue;
  readonly client: TftpPeer;
  /** `client` as it is compared and sent to. */
  readonly endpoint: Endpoint;
  readonly file: string;
  readonly contents: Contents;
  readonly terms: Terms;
  /** When the request came, and when the transfer begins: milliseconds on one monotonic clock. */
  readonly startedAt: number;
  readonly now: number;
  /** Called once, with the event that ends the transfer. */
  readonly onEnd: (event: TftpEvent) => void;
}

/** Carries out on a socket what a `Transfer` decides. */
export class Session implements DatagramOwner {
  readonly #options: SessionOptions;
  readonly #transfer: Transfer;
  /**
   * Why a packet could not be sent; undefined once the client has acknowledged something after it. Until then it is like
   * one that was lost: sent again, until the transfer times out.
   */
  #sendError: Error | undefined;
  #ended = false;

  /** Nothing is sent before `begin`. */
  constructor(options: SessionOptions) {
    const { contents, terms, now } = options;
    this.#options = options;
    this.#transfer = new Transfer({ ...terms, size: contents.size, oack: terms.accepted.length > 0 }, now);
  }

  /** The descriptor packets leave from. */
  get socket(): number {
    return this.#options.socket;
  }

  /** Sends the first packet. */
  begin(): void {
    this.#apply(this.#transfer.begin());
  }

  /** Takes an ACK or ERROR from the client. */
  handle(packet: AckPacket | ErrorPacket, now: number): void {
    if (packet.opcode === Opcode.ERROR) {
      this.#clientGaveUp(packet);
      return;
    }
    const step = this.#transfer.ack(packet.block, now);
    if (step.type !== 'wait') this.#sendError = undefined;
    this.#apply(step);
  }

  /** The client's request came again, the same to the byte. */
  repeat(now: number): void {
    this.#apply(this.#transfer.repeat(now));
  }

  /** Retransmits or gives up when it is time to; called every now and then. */
  tick(now: number): void {
    this.#apply(this.#transfer.tick(now));
  }

  /** The client asks for something else from the same port: it no longer wants this file. */
  supersede(): void {
    if (this.#isProbe()) this.#probed();
    else this.#fail('aborted', 'the client sent another request from the same port');
  }

  /** Breaks the transfer off and tells the client. */
  shutdown(): void {
    const reason = 'the server is shutting down';
    this.#send(encodeError(ErrorCode.NOT_DEFINED, reason));
    this.#fail('shutdown', reason);
  }

  sendFailed(error: Error): void {
    this.#sendError = error;
  }

  #apply(step: TransferStep): void {
    switch (step.type) {
      case 'wait':
        break;
      case 'send':
        if (step.first === 0) this.#send(encodeOack(this.#options.terms.accepted));
        else this.#sendData(step.first, step.last);
        break;
      case 'done':
        this.#done();
        break;
      case 'timeout':
        if (this.#sendError) this.#fail('send-error', this.#sendError.message);
        else this.#fail('timeout', 'the client stopped answering');
        break;
    }
  }

  #sendData(first: number, last: number): void {
    const { sender, queue, socket, endpoint } = this.#options;
    if (first === last) {
      writeDataHead(queue.add(socket, endpoint, this.#addressOf(first), this.#lengthOf(first), this), first);
      return;
    }
    for (let block = first; block <= last; block++) {
      writeDataHead(sender.add(this.#addressOf(block), this.#lengthOf(block)), block);
    }
    const error = sender.flush(socket, endpoint);
    if (error) this.sendFailed(error);
  }

  #addressOf(block: number): number {
    const { contents, terms } = this.#options;
    return contents.address + (block - 1) * terms.blksize;
  }

  #lengthOf(block: number): number {
    const { contents, terms } = this.#options;
    return Math.min(terms.blksize, contents.size - (block - 1) * terms.blksize);
  }

  #send(packet: Uint8Array): void {
    const { sender, socket, endpoint } = this.#options;
    const error = sender.send(socket, endpoint, packet);
    if (error) this.sendFailed(error);
  }

  #clientGaveUp(packet: ErrorPacket): void {
    const polite = packet.code === ErrorCode.NOT_DEFINED || packet.code === ErrorCode.OPTION_NEGOTIATION;
    if (polite && this.#isProbe()) this.#probed();
    else this.#fail('aborted', `the client sent ERROR ${packet.code} "${escapeBytes(packet.message)}"`);
  }

  /** True when the client has learnt the file's size and so far wanted nothing else. */
  #isProbe(): boolean {
    const { accepted } = this.#options.terms;
    return this.#transfer.untouched && accepted.some(([name]) => name.toLowerCase() === 'tsize');
  }

  #probed(): void {
    const { client, file, contents } = this.#options;
    this.#end({ type: 'probe', client, file, size: contents.size });
  }

  #done(): void {
    const { client, file, contents, startedAt } = this.#options;
    const { progressAt, retransmissions } = this.#transfer;
    // Up to the client's last word: when it never sends the last ACK, the wait for that isn't part of the transfer.
    const milliseconds = progressAt - startedAt;
    this.#end({ type: 'done', client, file, bytes: contents.size, milliseconds, retransmissions });
  }

  #fail(reason: TftpFailure, detail: string): void {
    const { client, file } = this.#options;
    this.#end({ type: 'failed', client, file, reason, detail, bytes: this.#transfer.bytes });
  }

  #end(event: TftpEvent): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.onEnd(event);
  }
}
