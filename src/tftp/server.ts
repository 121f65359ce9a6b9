import { setTimeout as pause } from 'node:timers/promises';
import { setSendBuffer } from '../net/datagrams.ts';
import { formatIpv4, type Ipv4, parseIpv4 } from '../net/ipv4.ts';
import { closeDescriptor, describeSocket, setReceiveBuffer } from '../net/libc.ts';
import { addressOf } from '../net/memory.ts';
import type { TftpEvent, TftpPeer } from './events.ts';
import type { FromThread, ServingSettings } from './messages.ts';
import { toNetascii } from './netascii.ts';
import { notFound, type Refusal, shortageOf, TOO_LARGE_FOR_TEXT, trouble } from './refusal.ts';
import { explainListen, openUdpSocket } from './socket.ts';
import { ServingThread } from './thread.ts';
import { TransferSockets } from './transfer-sockets.ts';

/** Where the files come from. */
export interface TftpBackend {
  /**
   * The whole contents of the file `name` (normalised, see `normaliseName`) for `client`; undefined when there is no
   * such file. The bytes must not change afterwards, nor be transferred to another thread: transfers share them without
   * a copy.
   */
  find(name: string, client: TftpPeer): Promise<Uint8Array | undefined>;
}

export interface TftpServerOptions {
  /** The server's own IPv4 address; transfers leave from it too. */
  readonly address: string;
  /** UDP port for requests, 69 unless given; 0 takes any free one. */
  readonly port?: number;
  /** The descriptor of a UDP socket already bound, used instead of binding `address` and `port`. The server closes it. */
  readonly socket?: number;
  /** Largest `blksize` granted, 8 to 65464: the interface's MTU - 32, since boot ROMs can't reassemble fragments. */
  readonly maxBlksize: number;
  /** Answer from the request port instead of a new port per transfer, for clients behind NAT. */
  readonly singlePort?: boolean;
  /** Transfers at one time, 16384 unless given; a request above that gets no answer, so that the client asks again. */
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
  /**
   * Grants blocks of at most so many bytes to transfers that begin from now on, as the interface's MTU is another one.
   * Throws RangeError as `createTftpServer` does.
   */
  limitBlksize(maxBlksize: number): void;
  /** Where it listens. Throws when it doesn't. */
  address(): TftpPeer;
  /** Requests being served now, those waiting for the backend included. */
  readonly transfers: number;
}

/**
 * Largest file converted to netascii: that happens in one go, and nothing else runs meanwhile (about 0.1 s for this
 * much). Text files are smaller; what is larger was asked for in the wrong mode.
 */
const MAX_NETASCII = 16 << 20;

/**
 * Firmware gives up after some 25 s without an answer, but waits as long for every block: ten thousand that share the line get
 * theirs in time, while those who wait until others have finished don't. It is half of the ports that Linux gives sockets.
 */
const MAX_TRANSFERS = 16_384;

/** Room for some ten thousand requests that arrive at once, when a room full of racks is switched on. */
const RECEIVE_BUFFER = 16 << 20;
/** Room for what all transfers send at one time when they share the socket for requests: a few packets each. */
const SHARED_SEND_BUFFER = 16 << 20;

/** The pause before a thread that crashed is replaced, milliseconds: clients wait as long before they ask again. */
const RESTART_DELAY = 1_000;

/**
 * A read-only TFTP server: RFC 1350 with blksize, tsize, timeout and windowsize (RFC 2347, 2348, 2349, 7440).
 * Every datagram on the request port leads to one event or belongs to a request that is being served.
 *
 * Packets are the business of a thread of its own (worker.ts). This side asks the backend for files and owns the sockets:
 * it opens and closes them, so that none is lost with the thread.
 * @throws RangeError when `maxBlksize` is not a block size, or `address` no IPv4 address.
 */
export function createTftpServer(options: TftpServerOptions): TftpServer {
  requireBlksize(options.maxBlksize);
  const address = parseIpv4(options.address);
  if (address === undefined) throw new RangeError(`address must be an IPv4 address, not ${options.address}`);
  return new Server(options, address);
}

function requireBlksize(maxBlksize: number): void {
  if (Number.isInteger(maxBlksize) && maxBlksize >= 8 && maxBlksize <= 65464) return;
  throw new RangeError(`maxBlksize must be a whole number from 8 to 65464 (RFC 2348), not ${maxBlksize}`);
}

/** A request for which the thread has asked for a file. */
interface Request {
  readonly client: TftpPeer;
  readonly file: string;
  /** The socket of its transfer, to be given back at its end. */
  socket?: number;
  /** What is being sent. The thread knows only where it is, so it must be kept here. */
  contents?: Uint8Array;
}

class Server implements TftpServer {
  readonly #options: TftpServerOptions;
  readonly #address: Ipv4;
  readonly #sockets: TransferSockets;
  #settings: ServingSettings;
  /** Text conversions, each for as long as the backend keeps the file. */
  readonly #netascii = new WeakMap<Uint8Array, Uint8Array>();
  /** By the thread's id for them. */
  readonly #requests = new Map<number, Request>();
  /** While the server runs. */
  #socket: number | undefined;
  /** Undefined between a crash and the restart. */
  #thread: ServingThread | undefined;
  #supervision: Promise<void> | undefined;
  #stopping = new AbortController();

  constructor(options: TftpServerOptions, address: Ipv4) {
    this.#options = options;
    this.#address = address;
    this.#sockets = new TransferSockets(address);
    this.#settings = {
      maxBlksize: options.maxBlksize,
      singlePort: options.singlePort ?? false,
      maxTransfers: options.maxTransfers ?? MAX_TRANSFERS,
      maxTransfersPerClient: options.maxTransfersPerClient ?? 64,
    };
  }

  get transfers(): number {
    return this.#requests.size;
  }

  async start(): Promise<void> {
    const socket = this.#options.socket ?? this.#listen();
    try {
      setReceiveBuffer(socket, RECEIVE_BUFFER);
      if (this.#settings.singlePort) setSendBuffer(socket, SHARED_SEND_BUFFER);
      this.#stopping = new AbortController();
      const thread = this.#launch(socket);
      if (!(await thread.started)) {
        const cause = await thread.ended;
        throw new Error(`the thread that serves TFTP can't be started: ${cause?.message}`, { cause });
      }
      this.#socket = socket;
      this.#supervision = this.#supervise(socket, thread);
    } catch (error) {
      closeDescriptor(socket);
      throw error;
    }
  }

  async stop(): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#socket = undefined;
    this.#stopping.abort();
    this.#thread?.send({ type: 'stop' });
    await this.#supervision;
    closeDescriptor(socket);
  }

  address(): TftpPeer {
    const local = this.#socket === undefined ? undefined : describeSocket(this.#socket);
    if (!local) throw new Error('the TFTP server is not running');
    return { address: formatIpv4(local.address as Ipv4), port: local.port };
  }

  limitBlksize(maxBlksize: number): void {
    requireBlksize(maxBlksize);
    this.#settings = { ...this.#settings, maxBlksize };
    this.#thread?.send({ type: 'limit', maxBlksize });
  }

  #listen(): number {
    const { address, port = 69 } = this.#options;
    try {
      return openUdpSocket(this.#address, port);
    } catch (error) {
      throw explainListen(error, address, port);
    }
  }

  #launch(socket: number): ServingThread {
    const thread = new ServingThread({
      settings: this.#settings,
      socket,
      onMessage: (message) => this.#take(thread, message),
    });
    this.#thread = thread;
    return thread;
  }

  /** Replaces a thread that crashes, until the server is stopped. */
  async #supervise(socket: number, first: ServingThread): Promise<void> {
    let failure = await first.ended;
    for (;;) {
      this.#thread = undefined;
      if (!this.#stopping.signal.aborted) this.#reportCrash(failure);
      this.#abandonRequests();
      await pause(RESTART_DELAY, undefined, { signal: this.#stopping.signal }).catch(() => {});
      if (this.#stopping.signal.aborted) return;
      try {
        failure = await this.#launch(socket).ended;
      } catch (error) {
        failure = error instanceof Error ? error : new Error(String(error));
      }
    }
  }

  #reportCrash(failure: Error | undefined): void {
    const why = failure?.message ?? 'it ended by itself';
    const detail = `the thread that serves TFTP crashed and is started again: ${why}`;
    this.#options.observe({ type: 'crashed', detail });
  }

  /** Ends the requests that a thread has left behind; after a stop there are none. */
  #abandonRequests(): void {
    for (const [id, { client, file }] of this.#requests) {
      this.#end(id);
      const detail = 'the thread that served it crashed';
      this.#options.observe({ type: 'failed', client, file, reason: 'crash', detail, bytes: 0 });
    }
  }

  #take(thread: ServingThread, message: FromThread): void {
    switch (message.type) {
      case 'ready':
        break;
      case 'find':
        void this.#find(thread, message);
        break;
      case 'event':
        if (message.ends !== undefined) this.#end(message.ends);
        this.#options.observe(message.event);
        break;
    }
  }

  /** Looks the file up, takes a socket for the transfer, and hands both to the thread. Never rejects. */
  async #find(thread: ServingThread, asked: Extract<FromThread, { type: 'find' }>): Promise<void> {
    const { id, client, file, netascii, alone } = asked;
    const request: Request = { client, file };
    this.#requests.set(id, request);
    // While we wait the request may end: the server stops, or the client sends another one.
    const isOver = () => this.#requests.get(id) !== request;
    const refuse = (refusal: Refusal) => thread.send({ type: 'refuse', id, refusal });
    try {
      const found = await this.#options.backend.find(file, client);
      if (isOver()) return;
      if (!found) {
        refuse(notFound(file, asked.asked));
      } else if (netascii && found.length > MAX_NETASCII) {
        refuse(TOO_LARGE_FOR_TEXT);
      } else {
        request.contents = netascii ? this.#asNetascii(found) : found;
        const contents = { address: addressOf(request.contents), size: request.contents.length };
        thread.send({ type: 'serve', id, socket: this.#socketFor(request, alone), contents });
      }
    } catch (error) {
      if (isOver()) return;
      const shortage = shortageOf(error);
      if (shortage) thread.send({ type: 'drop', id, shortage });
      else refuse(trouble(error instanceof Error ? error.message : String(error)));
    }
  }

  #asNetascii(contents: Uint8Array): Uint8Array {
    const known = this.#netascii.get(contents);
    if (known) return known;
    const text = toNetascii(contents);
    this.#netascii.set(contents, text);
    return text;
  }

  #socketFor(request: Request, alone: boolean): number | undefined {
    if (this.#settings.singlePort) return undefined;
    request.socket = this.#sockets.take(request.client, !alone);
    return request.socket;
  }

  /** The request is over: its socket is given back, and its file is no longer kept. */
  #end(id: number): void {
    const socket = this.#requests.get(id)?.socket;
    this.#requests.delete(id);
    if (socket !== undefined) this.#sockets.release(socket);
  }
}
