import {
  addressOfEndpoint,
  type Datagram,
  type DatagramSender,
  type Endpoint,
  portOfEndpoint,
} from '../net/datagrams.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import type { TftpEvent } from './events.ts';
import type { Contents, FromThread, ServingSettings, ToThread } from './messages.ts';
import { escapeBytes, normaliseName } from './name.ts';
import { negotiate } from './options.ts';
import { encodeError, Opcode, parsePacket, type RequestPacket } from './packet.ts';
import { badName, type Refusal, refusalOf, type Shortage, STOPPING } from './refusal.ts';
import { type ReadRequest, RequestTable } from './requests.ts';
import { Session } from './session.ts';

export interface ResponderOptions {
  readonly settings: ServingSettings;
  /** The socket for requests. */
  readonly socket: number;
  readonly sender: DatagramSender;
  /** Takes the questions and events that come up. Always called before the packet that makes them visible to a client. */
  readonly tell: (message: FromThread) => void;
  /** A transfer has begun on a socket of its own: what comes there is for `transferOn(socket)`. */
  readonly onOpen: (socket: number) => void;
  /** That transfer is over; its socket still exists until `tell` says so. */
  readonly onClose: (socket: number) => void;
}

/**
 * Answers the datagrams that come: decides about requests, asks for files, and passes ACKs to the transfers. Waits for
 * nothing; time comes in as `now`, in milliseconds on one monotonic clock.
 */
export class Responder {
  readonly #options: ResponderOptions;
  readonly #requests = new RequestTable();
  /** The transfers that have a socket of their own, by its descriptor. */
  readonly #sessions = new Map<number, Session>();
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
  receiveRequest({ bytes, sender }: Datagram, now: number): void {
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

  /** The transfer that has `socket` for its own; undefined once it is over. */
  transferOn(socket: number): Session | undefined {
    return this.#sessions.get(socket);
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
    this.#options.tell({ type: 'find', id, client, file, asked, netascii });
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

  #serve(request: ReadRequest, own: number | undefined, contents: Contents, now: number): void {
    const { client, endpoint, file, netascii, startedAt } = request;
    const { sender, socket } = this.#options;
    const maxBlksize = this.#maxBlksize;
    const { size } = contents;
    const session = new Session({
      socket: own ?? socket,
      sender,
      client,
      endpoint,
      file,
      contents,
      terms: negotiate(request.options, { size, maxBlksize, windows: !netascii }),
      startedAt,
      now,
      onEnd: (event) => {
        if (own !== undefined) this.#close(own);
        this.#remove(request, event);
      },
    });
    request.session = session;
    if (own !== undefined) this.#open(own, session);
    this.#observe({ type: 'started', client, file, size });
    session.begin();
  }

  #open(socket: number, session: Session): void {
    this.#sessions.set(socket, session);
    this.#options.onOpen(socket);
  }

  #close(socket: number): void {
    this.#sessions.delete(socket);
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

  #refuse(asked: Pick<ReadRequest, 'client' | 'endpoint' | 'file'>, refusal: Refusal): void {
    this.#observe(refused(asked, refusal));
    this.#sendError(asked, refusal);
  }

  #sendError({ endpoint }: Pick<ReadRequest, 'endpoint'>, { code, message }: Refusal): void {
    // When it can't be sent it is like one that was lost: the client asks again.
    this.#options.sender.send(this.#options.socket, endpoint, encodeError(code, message));
  }

  #remove(request: ReadRequest, event: TftpEvent): void {
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
