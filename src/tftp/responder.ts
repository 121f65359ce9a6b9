import type { DatagramQueue } from '../net/datagram-queue.ts';
import { addressOfEndpoint, type DatagramSender, type Endpoint, portOfEndpoint } from '../net/datagrams.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import type { TftpEvent } from './events.ts';
import type { Contents, FromThread, ServingSettings, ToThread } from './messages.ts';
import { escapeBytes, normaliseName } from './name.ts';
import { largestBlksize, negotiate } from './options.ts';
import {
  ErrorCode,
  encodeError,
  Opcode,
  parsePacket,
  type RequestPacket,
  type TftpOption,
} from './packet.ts';
import { badName, type Refusal, refusalOf, type Shortage, STOPPING } from './refusal.ts';
import { type ReadRequest, RequestTable } from './requests.ts';
import { Session } from './session.ts';

/** The largest block that fits into an Ethernet frame. */
const MAX_SHARED_BLKSIZE = largestBlksize(1500);

const WRONG_TRANSFER = encodeError(ErrorCode.UNKNOWN_TRANSFER_ID, 'this port belongs to another transfer');

export interface ResponderOptions {
  readonly settings: ServingSettings;
  /** The socket for requests. */
  readonly socket: number;
  readonly sender: DatagramSender;
  /** Flushed by the caller after each call, and here before a transfer is reported as over: its file may be gone then. */
  readonly queue: DatagramQueue;
  /** Takes the questions and events that come up. Always called before the packet that makes them visible to a client. */
  readonly tell: (message: FromThread) => void;
  /** The first transfer on a socket other than that for requests begins: what comes there is for `receive`. */
  readonly onOpen: (socket: number) => void;
  /** The last one that ran there is over; the socket still exists until `tell` says so. */
  readonly onClose: (socket: number) => void;
}

/**
 * Answers the datagrams that come: decides about requests, asks for files, and passes ACKs to the transfers. Waits for
 * nothing; time comes in as `now`, in milliseconds on one monotonic clock.
 */
export class Responder {
  readonly #options: ResponderOptions;
  readonly #requests = new RequestTable();
  /** How many transfers run on each socket other than that for requests. */
  readonly #transfers = new Map<number, number>();
  #lastId = 0;
  #maxBlksize: number;

  constructor(options: ResponderOptions) {
    this.#options = options;
    this.#maxBlksize = options.settings.maxBlksize;
  }

  /** Requests being served. */
  get running(): number {
    return this.#requests.size;
  }

  /** Takes what came on the socket for requests. It leads to one event or belongs to a request that is being served. */
  receiveRequest(bytes: Uint8Array, sender: Endpoint, now: number): void {
    // Nothing can be sent to port 0, so whatever this is, it wants no answer.
    const packet = portOfEndpoint(sender) === 0 ? undefined : parsePacket(bytes);
    const request = this.#requests.of(sender);
    switch (packet?.opcode) {
      case Opcode.RRQ:
      case Opcode.WRQ:
        if (request && Buffer.compare(request.bytes, bytes) === 0) request.session?.repeat(now);
        else this.#admit(packet, bytes, sender, now);
        return;
      case Opcode.ACK:
      case Opcode.ERROR:
        if (this.#options.settings.singlePort && request?.session) request.session.handle(packet, now);
        else this.#observe({ type: 'dropped', client: peerOf(sender), reason: 'unexpected-opcode' });
        return;
      default:
        this.#observe({
          type: 'dropped',
          client: peerOf(sender),
          reason: packet ? 'unexpected-opcode' : 'malformed',
        });
    }
  }

  /** How many transfers run on a socket other than that for requests. */
  transfersOn(socket: number): number {
    return this.#transfers.get(socket) ?? 0;
  }

  /** Takes what came on such a socket, from the client of a transfer there or from anyone else. */
  receive(socket: number, bytes: Uint8Array, sender: Endpoint, now: number): void {
    const packet = parsePacket(bytes);
    const request = this.#requests.of(sender);
    if (request?.session?.socket === socket) {
      if (packet?.opcode === Opcode.ACK || packet?.opcode === Opcode.ERROR) {
        request.session.handle(packet, now);
      }
    } else if (packet && !request) {
      this.#answerStranger(socket, packet.opcode, sender);
    }
    // Otherwise it is late, from the client's transfer before, and firmware could take the answer for one to its request now.
  }

  /** Takes the answer to a `find`. The request may have ended meanwhile. */
  answer(message: Exclude<ToThread, { type: 'stop' | 'limit' }>, now: number): void {
    const request = this.#requests.withId(message.id);
    if (!request) return;
    switch (message.type) {
      case 'serve':
        this.#serve(request, message.socket, message.contents, now);
        break;
      case 'refuse':
        this.#turnAway(request, message.refusal);
        break;
      case 'drop':
        this.#remove(request, dropped(request.client, message.shortage));
        break;
    }
  }

  /** Grants blocks of at most so many bytes to transfers that begin from now on. */
  limitBlksize(maxBlksize: number): void {
    this.#maxBlksize = maxBlksize;
  }

  /** Lets every transfer look at the clock; called every now and then. */
  tick(now: number): void {
    for (const request of this.#requests.values()) request.session?.tick(now);
  }

  /** Ends every request and tells the clients. */
  shutdown(): void {
    for (const request of this.#requests.values()) {
      if (request.session) request.session.shutdown();
      else this.#turnAway(request, STOPPING);
    }
  }

  /** Refuses a request or begins to serve it. */
  #admit(packet: RequestPacket, bytes: Uint8Array, endpoint: Endpoint, now: number): void {
    const client = peerOf(endpoint);
    const asked = escapeBytes(packet.filename);
    const refusal = refusalOf(packet);
    if (refusal) {
      this.#refuse({ client, endpoint, file: asked }, refusal);
      return;
    }
    const named = normaliseName(packet.filename);
    if ('refusal' in named) {
      this.#refuse({ client, endpoint, file: asked }, badName(named.refusal));
      return;
    }
    this.#supersede(endpoint);
    const shortage = this.#shortageFor(client);
    if (shortage) {
      this.#observe(dropped(client, shortage));
      return;
    }
    const id = ++this.#lastId;
    const file = named.name;
    const netascii = packet.mode === 'netascii';
    const { options } = packet;
    const kept = Uint8Array.from(bytes);
    this.#requests.add({ id, client, endpoint, file, netascii, options, bytes: kept, startedAt: now });
    const alone = this.#needsOwnSocket(options, netascii);
    this.#options.tell({ type: 'find', id, client, file, asked, netascii, alone });
  }

  /** With more than a frame of each transfer on the way, a socket's buffers would be too small for all that share it. */
  #needsOwnSocket(options: readonly TftpOption[], netascii: boolean): boolean {
    const offer = { size: 0, maxBlksize: this.#maxBlksize, windows: !netascii };
    const { blksize, windowsize } = negotiate(options, offer);
    return windowsize > 1 || blksize > MAX_SHARED_BLKSIZE;
  }

  /** What runs already goes on to its end; who comes too many asks again meanwhile. */
  #shortageFor({ address }: ReadRequest['client']): Shortage | undefined {
    const { maxTransfers, maxTransfersPerClient } = this.#options.settings;
    if (this.#requests.size >= maxTransfers) {
      return { reason: 'busy', detail: `${maxTransfers} transfers run already` };
    }
    if (this.#requests.countOf(address) >= maxTransfersPerClient) {
      return { reason: 'client-busy', detail: `${address} has ${maxTransfersPerClient} transfers already` };
    }
    return undefined;
  }

  #serve(request: ReadRequest, apart: number | undefined, contents: Contents, now: number): void {
    const { client, endpoint, file, netascii, startedAt } = request;
    const { sender, queue, socket } = this.#options;
    const maxBlksize = this.#maxBlksize;
    const { size } = contents;
    const session = new Session({
      socket: apart ?? socket,
      sender,
      queue,
      client,
      endpoint,
      file,
      contents,
      terms: negotiate(request.options, { size, maxBlksize, windows: !netascii }),
      startedAt,
      now,
      onEnd: (event) => {
        if (apart !== undefined) this.#close(apart);
        this.#remove(request, event);
      },
    });
    request.session = session;
    if (apart !== undefined) this.#open(apart);
    this.#observe({ type: 'started', client, file, size });
    session.begin();
  }

  #open(socket: number): void {
    const others = this.transfersOn(socket);
    this.#transfers.set(socket, others + 1);
    if (others === 0) this.#options.onOpen(socket);
  }

  #close(socket: number): void {
    const others = this.transfersOn(socket) - 1;
    if (others > 0) {
      this.#transfers.set(socket, others);
      return;
    }
    this.#transfers.delete(socket);
    this.#options.onClose(socket);
  }

  /** The client asks for something else from the port of a request being served: that one is over. */
  #supersede(endpoint: Endpoint): void {
    const request = this.#requests.of(endpoint);
    if (!request) return;
    if (request.session) {
      request.session.supersede();
      return;
    }
    const { client, file } = request;
    const detail = 'the client sent another request before this one was answered';
    this.#remove(request, { type: 'refused', client, file, reason: 'error', detail });
  }

  /** Refuses a request that was already admitted. */
  #turnAway(request: ReadRequest, refusal: Refusal): void {
    this.#remove(request, refused(request, refusal));
    this.#sendError(request, refusal);
  }

  /**
   * Tells who sent something to another client's transfer (RFC 1350 §4), which carries on. An ERROR is never answered, so that
   * two peers can't loop. Nothing is sent to port 0, nor from a socket whose last transfer has ended: it may be closed.
   */
  #answerStranger(socket: number, opcode: number, stranger: Endpoint): void {
    if (opcode === Opcode.ERROR || portOfEndpoint(stranger) === 0 || !this.#transfers.has(socket)) return;
    this.#options.sender.send(socket, stranger, WRONG_TRANSFER);
  }

  #refuse(asked: Pick<ReadRequest, 'client' | 'endpoint' | 'file'>, refusal: Refusal): void {
    this.#observe(refused(asked, refusal));
    this.#sendError(asked, refusal);
  }

  #sendError({ endpoint }: Pick<ReadRequest, 'endpoint'>, { code, message }: Refusal): void {
    // When it can't be sent it is like one that was lost: the client asks again.
    this.#options.sender.send(this.#options.socket, endpoint, encodeError(code, message));
  }

  #remove(request: ReadRequest, event: TftpEvent): void {
    this.#options.queue.flush();
    this.#requests.remove(request);
    this.#options.tell({ type: 'event', event, ends: request.id });
  }

  #observe(event: TftpEvent): void {
    this.#options.tell({ type: 'event', event });
  }
}

function peerOf(endpoint: Endpoint): ReadRequest['client'] {
  return { address: formatIpv4(addressOfEndpoint(endpoint)), port: portOfEndpoint(endpoint) };
}

function refused(
  { client, file }: Pick<ReadRequest, 'client' | 'file'>,
  { reason, message, detail = message }: Refusal,
): TftpEvent {
  return { type: 'refused', client, file, reason, detail };
}

function dropped(client: ReadRequest['client'], shortage: Shortage): TftpEvent {
  return { type: 'dropped', client, ...shortage };
}
