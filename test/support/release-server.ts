import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';

/** Bytes that the server sends in one go. */
const CHUNK = 64 * 1024;

/** A file as a publisher serves it. */
export interface PublishedFile {
  readonly bytes: Buffer;
  readonly etag: string;
}

/** What a request is answered with instead of the file; undefined for the file. */
export type Misbehaviour = (
  request: IncomingMessage,
  response: ServerResponse,
  file: PublishedFile | undefined,
) => boolean;

/** Stands in for the web servers of publishers: same paths, ranges, entity tags; and does wrong when told to. */
export class ReleaseServer {
  readonly url: string;
  /** `GET /path` or `GET /path bytes=5-` of every request, in order. */
  readonly requests: string[] = [];
  readonly #files = new Map<string, PublishedFile>();
  #misbehaviour: Misbehaviour = () => false;

  private constructor(url: string) {
    this.url = url;
  }

  /** Listens on loopback until the test ends. */
  static async start(t: ExecutionContext): Promise<ReleaseServer> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const releases = new ReleaseServer(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.on('request', (request, response) => releases.#answer(request, response));
    t.teardown(() => {
      server.closeAllConnections();
      server.close();
    });
    return releases;
  }

  /** Publishes a file, in place of the one before. */
  publish(path: string, content: string | Buffer): void {
    const bytes = Buffer.from(content);
    const etag = `"${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}"`;
    this.#files.set(path, { bytes, etag });
  }

  withdraw(path: string): void {
    this.#files.delete(path);
  }

  file(path: string): Buffer {
    const file = this.#files.get(path);
    if (!file) throw new Error(`${path} is not published`);
    return file.bytes;
  }

  /** Called with every request; when it gives true, it has answered itself. */
  misbehave(misbehaviour: Misbehaviour): void {
    this.#misbehaviour = misbehaviour;
  }

  /** The requests for paths that end so. */
  asked(ending: string): string[] {
    return this.requests.filter((line) => line.split(' ')[1]?.endsWith(ending));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = decodeURIComponent(request.url ?? '');
    const { range, 'if-range': ifRange } = request.headers;
    this.requests.push(`${request.method} ${path}${range === undefined ? '' : ` ${range}`}`);
    const file = this.#files.get(path);
    if (this.#misbehaviour(request, response, file)) return;
    if (!file) {
      response.writeHead(404).end('no such file');
      return;
    }
    const { bytes, etag } = file;
    const [, first] = /^bytes=(\d+)-$/.exec(range ?? '') ?? [];
    const isRange = first !== undefined && (ifRange === undefined || ifRange === etag);
    const start = isRange ? Number(first) : 0;
    if (start >= bytes.length && isRange) {
      response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
      return;
    }
    const body = bytes.subarray(start);
    response.writeHead(isRange ? 206 : 200, {
      etag,
      'content-length': body.length,
      ...(isRange && { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
    });
    response.end(body);
  }
}

/** A misbehaviour: sends only the first bytes of a file, as often as told, then hangs up. */
export function breakOff(ending: string, after: number, times: number): Misbehaviour {
  let left = times;
  return (request, response, file) => {
    if (!file || !request.url?.endsWith(ending) || left === 0) return false;
    left -= 1;
    const [, first = '0'] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
    const start = Number(first);
    const { length } = file.bytes;
    response.writeHead(start > 0 ? 206 : 200, {
      etag: file.etag,
      'content-length': length - start,
      ...(start > 0 && { 'content-range': `bytes ${start}-${length - 1}/${length}` }),
    });
    response.write(file.bytes.subarray(start, start + Math.min(after, CHUNK * 16)), () => response.destroy());
    return true;
  };
}
