import type { RemoteInfo, Socket } from 'node:dgram';
import type { TftpEvent, TftpFailure, TftpPeer } from './events.ts';
import { escapeBytes } from './name.ts';
import type { Terms } from './options.ts';
import {
  type AckPacket,
  ErrorCode,
  type ErrorPacket,
  encodeData,
  encodeError,
  encodeOack,
  Opcode,
  parsePacket,
} from './packet.ts';
import { Transfer, type TransferStep } from './transfer.ts';

const WRONG_TRANSFER = encodeError(ErrorCode.UNKNOWN_TRANSFER_ID, 'this port belongs to another transfer');

/** One file on its way to one client. */
export interface SessionOptions {
  /** Where packets leave from; the session closes it at its end when `ownsSocket`. */
  readonly socket: Socket;
  /** True when the socket is this transfer's own: the session then also reads it. */
  readonly ownsSocket: boolean;
  readonly client: TftpPeer;
  readonly file: string;
  /** The whole file as it is sent; only read, so that transfers can share it. */
  readonly contents: Uint8Array;
  readonly terms: Terms;
  /** When the request came, milliseconds on the clock of `now`. */
  readonly startedAt: number;
  /** A monotonic clock, milliseconds. */
  readonly now: () => number;
  /** Called once, with the event that ends the transfer. */
  readonly onEnd: (event: TftpEvent) => void;
}

/** Carries out on a socket what a `Transfer` decides. */
export class Session {
  readonly #options: SessionOptions;
  readonly #transfer: Transfer;
  /** Why the last packet could not be sent; undefined once the client has acknowledged something after it. */
  #sendError: Error | undefined;
  #ended = false;
  /**
   * Watches the packets that begin the transfer or repeat something. A send that fails is a packet lost, so after it
   * only repetitions follow; the packets in between go without a callback, which would cost a tenth of the time.
   */
  readonly #onSent = (error: Error | null): void => {
    if (error) this.#sendError = error;
  };

  /** Takes over the (bound) socket; nothing is sent before `begin`. */
  constructor(options: SessionOptions) {
    const { socket, ownsSocket, contents, terms, now } = options;
    this.#options = options;
    this.#transfer = new Transfer(
      { ...terms, size: contents.length, oack: terms.accepted.length > 0 },
      now(),
    );
    if (ownsSocket) {
      socket.on('message', (bytes: Uint8Array, sender: RemoteInfo) => this.#receive(bytes, sender));
      socket.on('error', (error) => this.#fail('send-error', error.message));
    }
  }

  /** Sends the first packet. */
  begin(): void {
    this.#apply(this.#transfer.begin(), this.#onSent);
  }

  /** Takes an ACK or ERROR from the client. */
  handle(packet: AckPacket | ErrorPacket): void {
    if (packet.opcode === Opcode.ERROR) {
      this.#clientGaveUp(packet);
      return;
    }
    const step = this.#transfer.ack(packet.block, this.#options.now());
    if (step.type !== 'wait') this.#sendError = undefined;
    this.#apply(step);
  }

  /** The client's request came again, the same to the byte. */
  repeat(): void {
    this.#apply(this.#transfer.repeat(this.#options.now()), this.#onSent);
  }

  /** Retransmits or gives up when it is time to; called every now and then. */
  tick(now: number): void {
    this.#apply(this.#transfer.tick(now), this.#onSent);
  }

  /** The client asks for something else from the same port: it no longer wants this file. */
  supersede(): void {
    if (this.#isProbe()) this.#probed();
    else this.#fail('aborted', 'the client sent another request from the same port');
  }

  /** Breaks the transfer off and tells the client. */
  shutdown(): void {
    this.#send(encodeError(ErrorCode.NOT_DEFINED, 'the server is shutting down'));
    this.#fail('shutdown', 'the server is shutting down');
  }

  #receive(bytes: Uint8Array, sender: RemoteInfo): void {
    if (this.#ended) return;
    const packet = parsePacket(bytes);
    const { client, socket } = this.#options;
    if (sender.port !== client.port || sender.address !== client.address) {
      // RFC 1350 §4: tell the stranger, and carry on. An ERROR is never answered, so that two peers can't loop.
      if (packet && packet.opcode !== Opcode.ERROR && sender.port !== 0) {
        socket.send(WRONG_TRANSFER, sender.port, sender.address, () => {});
      }
      return;
    }
    if (packet?.opcode === Opcode.ACK || packet?.opcode === Opcode.ERROR) this.handle(packet);
  }

  #apply(step: TransferStep, onSent?: (error: Error | null) => void): void {
    switch (step.type) {
      case 'wait':
        break;
      case 'send':
        for (let block = step.first; block <= step.last; block++) this.#send(this.#packet(block), onSent);
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

  #packet(block: number): Uint8Array {
    const { contents, terms } = this.#options;
    if (block === 0) return encodeOack(terms.accepted);
    const start = (block - 1) * terms.blksize;
    return encodeData(block, contents.subarray(start, start + terms.blksize));
  }

  #send(packet: Uint8Array, onSent?: (error: Error | null) => void): void {
    const { socket, client } = this.#options;
    socket.send(packet, client.port, client.address, onSent);
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
    this.#end({ type: 'probe', client, file, size: contents.length });
  }

  #done(): void {
    const { client, file, contents, startedAt } = this.#options;
    const { progressAt, retransmissions } = this.#transfer;
    // Up to the client's last word: when it never sends the last ACK, the wait for that isn't part of the transfer.
    const milliseconds = progressAt - startedAt;
    this.#end({ type: 'done', client, file, bytes: contents.length, milliseconds, retransmissions });
  }

  #fail(reason: TftpFailure, detail: string): void {
    const { client, file } = this.#options;
    this.#end({ type: 'failed', client, file, reason, detail, bytes: this.#transfer.bytes });
  }

  #end(event: TftpEvent): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#options.ownsSocket) this.#options.socket.close();
    this.#options.onEnd(event);
  }
}
