import type { RemoteInfo, Socket } from 'node:dgram';
import { once } from 'node:events';
import type { TftpEvent, TftpPeer, TftpRefusal } from './events.ts';
import { escapeBytes, normaliseName } from './name.ts';
import { toNetascii } from './netascii.ts';
import { negotiate } from './options.ts';
import { ErrorCode, encodeError, Opcode, parsePacket, type RequestPacket } from './packet.ts';
import { type ReadRequest, RequestTable } from './requests.ts';
import { Session } from './session.ts';
import { listen, openUdpSocket } from './socket.ts';

/** Where the files come from. */
export interface TftpBackend {
  /**
   * The whole contents of the file `name` (normalised, see `normaliseName`) for `client`; undefined when there is no
   * such file. The bytes must not change afterwards: transfers share them without a copy.
   */
  find(name: string, client: TftpPeer): Promise<Uint8Array | undefined>;
}

export interface TftpServerOptions {
  /** The server's own IPv4 address; transfers leave from it too. */
  readonly address: string;
  /** UDP port for requests, 69 unless given; 0 takes any free one. */
  readonly port?: number;
  /** A socket already bound, used instead of binding `address` and `port`. The server closes it. */
  readonly socket?: Socket;
  /** Largest `blksize` granted, 8 to 65464: the interface's MTU - 32, since boot ROMs can't reassemble fragments. */
  readonly maxBlksize: number;
  /** Answer from the request port instead of a new port per transfer, for clients behind NAT. */
  readonly singlePort?: boolean;
  /** Transfers at one time, 4096 unless given; a request above that gets ERROR 0 "busy". */
  readonly maxTransfers?: number;
  /** Transfers at one time of one client address, 64 unless given. */
  readonly maxTransfersPerClient?: number;
  readonly backend: TftpBackend;
  /** Told of everything that happens. Must not throw. */
  readonly observe: (event: TftpEvent) => void;
}

export interface TftpServer {
  /** Starts to answer. Rejects with an error for people when the port can't be had. */
  start(): Promise<void>;
  /** Breaks off what is running, telling the clients, and closes every socket. */
  stop(): Promise<void>;
  /** Where it listens. Throws when it doesn't. */
  address(): TftpPeer;
  /** Requests being served now, those waiting for the backend included. */
  readonly transfers: number;
}

/** How often running transfers are looked at for retransmissions, milliseconds. */
const SWEEP_INTERVAL = 100;

/**
 * A read-only TFTP server: RFC 1350 with blksize, tsize, timeout and windowsize (RFC 2347, 2348, 2349, 7440).
 * Every datagram on the request port leads to one event or belongs to a request that is being served.
 * @throws RangeError when `maxBlksize` is not a block size.
 */
export function createTftpServer(options: TftpServerOptions): TftpServer {
  const { maxBlksize } = options;
  if (!Number.isInteger(maxBlksize) || maxBlksize < 8 || maxBlksize > 65464) {
    throw new RangeError(`maxBlksize must be a whole number from 8 to 65464 (RFC 2348), not ${maxBlksize}`);
  }
  return new Server(options);
}

class Server implements TftpServer {
  readonly #options: TftpServerOptions;
  readonly #maxTransfers: number;
  readonly #maxTransfersPerClient: number;
  readonly #requests = new RequestTable();
  /** Text conversions, each for as long as the backend keeps the file. */
  readonly #netascii = new WeakMap<Uint8Array, Uint8Array>();
  #socket: Socket | undefined;
  /** Runs only while there are requests. */
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: TftpServerOptions) {
    this.#options = options;
    this.#maxTransfers = options.maxTransfers ?? 4096;
    this.#maxTransfersPerClient = options.maxTransfersPerClient ?? 64;
  }

  get transfers(): number {
    return this.#requests.size;
  }

  async start(): Promise<void> {
    const { address, port = 69, socket = await listen(address, port) } = this.#options;
    this.#socket = socket;
    socket.on('message', (bytes: Uint8Array, sender: RemoteInfo) => this.#receive(socket, bytes, sender));
    // A datagram that could not be received has no sender to name, and the socket stays usable.
    socket.on('error', () => {});
  }

  async stop(): Promise<void> {
    const socket = this.#socket;
    if (!socket) return;
    this.#socket = undefined;
    for (const request of this.#requests.values()) {
      if (request.session) request.session.shutdown();
      else this.#turnAway(socket, request, STOPPING);
    }
    // On a socket that was handed in, the last packets may wait for a turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    const closed = once(socket, 'close');
    socket.close();
    await closed;
  }

  address(): TftpPeer {
    if (!this.#socket) throw new Error('the TFTP server is not running');
    const { address, port } = this.#socket.address();
    return { address, port };
  }

  #receive(socket: Socket, bytes: Uint8Array, sender: RemoteInfo): void {
    if (socket !== this.#socket) return;
    const client = { address: sender.address, port: sender.port };
    // Nothing can be sent to port 0, so whatever this is, it wants no answer.
    const packet = client.port === 0 ? undefined : parsePacket(bytes);
    const request = this.#requests.get(client);
    switch (packet?.opcode) {
      case Opcode.RRQ:
      case Opcode.WRQ:
        if (request && Buffer.compare(request.bytes, bytes) === 0) request.session?.repeat();
        else this.#admit(socket, bytes, packet, client);
        return;
      case Opcode.ACK:
      case Opcode.ERROR:
        if (this.#options.singlePort && request?.session) request.session.handle(packet);
        else this.#options.observe({ type: 'dropped', client, reason: 'unexpected-opcode' });
        return;
      default:
        this.#options.observe({
          type: 'dropped',
          client,
          reason: packet ? 'unexpected-opcode' : 'malformed',
        });
    }
  }

  /** Refuses a request or begins to serve it. */
  #admit(socket: Socket, bytes: Uint8Array, packet: RequestPacket, client: TftpPeer): void {
    const asked = { client, file: escapeBytes(packet.filename) };
    const refusal = refusalOf(packet);
    if (refusal) {
      this.#refuse(socket, asked, refusal);
      return;
    }
    const named = normaliseName(packet.filename);
    if ('refusal' in named) {
      this.#refuse(socket, asked, {
        reason: 'name',
        code: ErrorCode.ACCESS_VIOLATION,
        message: named.refusal,
      });
      return;
    }
    this.#supersede(client);
    if (
      this.#requests.size >= this.#maxTransfers ||
      this.#requests.countOf(client.address) >= this.#maxTransfersPerClient
    ) {
      this.#refuse(socket, asked, BUSY);
      return;
    }
    const request: ReadRequest = { client, file: named.name, bytes, startedAt: performance.now() };
    this.#requests.add(request);
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_INTERVAL);
    void this.#serve(socket, request, packet);
  }

  /** Looks the file up and starts its transfer. Never rejects. */
  async #serve(socket: Socket, request: ReadRequest, packet: RequestPacket): Promise<void> {
    const { address, backend, singlePort } = this.#options;
    try {
      const found = await backend.find(request.file, request.client);
      // While we waited the request may have ended: the server stopped, or the client sent another one.
      if (!this.#requests.has(request)) return;
      if (!found) {
        this.#turnAway(socket, request, notFound(request.file, packet.filename));
        return;
      }
      if (singlePort) {
        this.#transfer(socket, request, packet, found);
        return;
      }
      const own = await openUdpSocket(address, 0);
      if (this.#requests.has(request)) this.#transfer(own, request, packet, found);
      else own.close();
    } catch (error) {
      if (!this.#requests.has(request)) return;
      const detail = error instanceof Error ? error.message : String(error);
      this.#turnAway(socket, request, { ...TROUBLE, detail });
    }
  }

  #transfer(socket: Socket, request: ReadRequest, packet: RequestPacket, found: Uint8Array): void {
    const { client, file, startedAt } = request;
    const { maxBlksize, observe, singlePort = false } = this.#options;
    const octet = packet.mode === 'octet';
    const contents = octet ? found : this.#asNetascii(found);
    const size = contents.length;
    const session = new Session({
      socket,
      ownsSocket: !singlePort,
      client,
      file,
      contents,
      terms: negotiate(packet.options, { size, maxBlksize, windows: octet }),
      startedAt,
      now: () => performance.now(),
      onEnd: (event) => {
        this.#remove(request);
        observe(event);
      },
    });
    request.session = session;
    observe({ type: 'started', client, file, size });
    session.begin();
  }

  #asNetascii(contents: Uint8Array): Uint8Array {
    const known = this.#netascii.get(contents);
    if (known) return known;
    const text = toNetascii(contents);
    this.#netascii.set(contents, text);
    return text;
  }

  /** The client asks for something else from the port of a request being served: that one is over. */
  #supersede(client: TftpPeer): void {
    const request = this.#requests.get(client);
    if (!request) return;
    if (request.session) {
      request.session.supersede();
      return;
    }
    this.#remove(request);
    const detail = 'the client sent another request before this one was answered';
    this.#options.observe({ type: 'refused', client, file: request.file, reason: 'error', detail });
  }

  /** Refuses a request that was already admitted. */
  #turnAway(socket: Socket, request: ReadRequest, refusal: Refusal): void {
    this.#remove(request);
    this.#refuse(socket, request, refusal);
  }

  #refuse(socket: Socket, asked: Pick<ReadRequest, 'client' | 'file'>, refusal: Refusal): void {
    const { client, file } = asked;
    const { reason, code, message, detail = message } = refusal;
    // An ERROR that can't be sent is like one that was lost: the client asks again.
    socket.send(encodeError(code, message), client.port, client.address, () => {});
    this.#options.observe({ type: 'refused', client, file, reason, detail });
  }

  #remove(request: ReadRequest): void {
    this.#requests.remove(request);
    if (this.#requests.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #sweep(): void {
    const now = performance.now();
    for (const request of this.#requests.values()) request.session?.tick(now);
  }
}

/** Why a request isn't served: for the counter, for the client (code and message), for our own people. */
interface Refusal {
  readonly reason: TftpRefusal;
  readonly code: number;
  readonly message: string;
  /** `message` unless given. */
  readonly detail?: string;
}

const BUSY: Refusal = { reason: 'busy', code: ErrorCode.NOT_DEFINED, message: 'busy, try again' };
const STOPPING: Refusal = {
  reason: 'error',
  code: ErrorCode.NOT_DEFINED,
  message: 'the server is shutting down',
};
const TROUBLE: Refusal = {
  reason: 'error',
  code: ErrorCode.NOT_DEFINED,
  message: "the server can't send this file now",
};

/** Refuses what can never be served: writing, and modes other than octet and netascii. */
function refusalOf(packet: RequestPacket): Refusal | undefined {
  if (packet.opcode === Opcode.WRQ) {
    return { reason: 'write', code: ErrorCode.ACCESS_VIOLATION, message: 'this server is read-only' };
  }
  if (packet.mode === 'octet' || packet.mode === 'netascii') return undefined;
  const mode = escapeBytes(Buffer.from(packet.mode, 'latin1'));
  return {
    reason: 'mode',
    code: ErrorCode.ILLEGAL_OPERATION,
    message: `no transfer mode "${mode}", use octet`,
  };
}

/** When the name had to be brought into form, `detail` also says how it came. */
function notFound(file: string, filename: Uint8Array): Refusal {
  const message = `no such file: ${file}`;
  const asked = escapeBytes(filename);
  return {
    reason: 'not-found',
    code: ErrorCode.FILE_NOT_FOUND,
    message,
    detail: asked === file ? message : `${message} (asked for as "${asked}")`,
  };
}
