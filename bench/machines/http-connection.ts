import { connect, type Socket } from 'node:net';

/** An answer whose body was counted, and kept if it is a short text. */
export interface HttpAnswer {
  readonly status: number;
  readonly bytes: number;
  /** Empty when the body wasn't to be kept. */
  readonly text: string;
}

/** What is asked for. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: string;
  /** Keeps the body as text. */
  readonly keep?: boolean;
}

/** Body bytes go here, from all connections, and are never looked at. */
const SINK = Buffer.allocUnsafe(256 * 1024);
/** A connection on which nothing comes for so long has failed, milliseconds. */
const SILENCE = 60_000;

/**
 * A connection that is kept open for the next request, as iPXE does. It reads only what it must: answers with a Content-Length,
 * or with 204 and none.
 */
export class HttpConnection {
  readonly #host: string;
  readonly #from: string;
  #socket: Socket | undefined;
  #pending: Pending | undefined;

  /** @param from the local address: one of this network namespace */
  constructor(host: string, from: string) {
    this.#host = host;
    this.#from = from;
  }

  /** Sends a request; resolves with its answer. Rejects when the connection fails before it is complete. */
  request(request: HttpRequest): Promise<HttpAnswer> {
    const { method, path, body = '', keep = false } = request;
    const length =
      method === 'POST'
        ? `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n`
        : '';
    const head = `${method} ${path} HTTP/1.1\r\nHost: ${this.#host}\r\nConnection: keep-alive\r\n${length}\r\n`;
    return new Promise((resolve, reject) => {
      this.#pending = { keep, resolve, reject, head: '', status: 0, left: -1, bytes: 0, text: '' };
      this.#socket ??= this.#open();
      this.#socket.write(head + body);
    });
  }

  /** Ends the connection. */
  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #open(): Socket {
    const socket = connect({
      host: this.#host,
      port: 80,
      localAddress: this.#from,
      noDelay: true,
      onread: {
        buffer: SINK,
        callback: (length) => {
          this.#take(SINK.subarray(0, length));
          return true;
        },
      },
    });
    const fail = (reason: string) => {
      if (this.#socket !== socket) return;
      this.close();
      const pending = this.#pending;
      this.#pending = undefined;
      pending?.reject(new Error(`HTTP: ${reason}`));
    };
    socket.setTimeout(SILENCE, () => fail('nothing came for a minute'));
    socket.on('error', (error) => fail(error.message));
    socket.on('close', () => fail('the server closed the connection'));
    return socket;
  }

  #take(received: Buffer): void {
    const pending = this.#pending;
    if (!pending) return;
    let body = received;
    if (pending.left < 0) {
      // One byte for one character, so that positions are the same in both.
      const before = pending.head.length;
      pending.head += received.toString('latin1');
      const end = pending.head.indexOf('\r\n\r\n');
      if (end < 0) return;
      body = received.subarray(end + 4 - before);
      pending.status = Number(pending.head.slice(9, 12));
      pending.left = Number(/\r\ncontent-length: *(\d+)/i.exec(pending.head.slice(0, end))?.[1] ?? 0);
    }
    pending.bytes += body.length;
    pending.left -= body.length;
    if (pending.keep) pending.text += body.toString('latin1');
    if (pending.left > 0) return;
    this.#pending = undefined;
    pending.resolve({ status: pending.status, bytes: pending.bytes, text: pending.text });
  }
}

interface Pending {
  readonly keep: boolean;
  readonly resolve: (answer: HttpAnswer) => void;
  readonly reject: (error: Error) => void;
  head: string;
  status: number;
  /** Bytes of the body still to come; below zero until the head is complete. */
  left: number;
  bytes: number;
  text: string;
}
