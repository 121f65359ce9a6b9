import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { ConnectionError } from 'fastify';

/** What one client of the provisioning app may use. Times in milliseconds. */
export const LIMITS = {
  /** Characters. iPXE's longest URL, with every SMBIOS value, is below 1000. */
  urlLength: 2048,
  headerBytes: 8 * 1024,
  bodyBytes: 16 * 1024,
  /** To send all headers. */
  headers: 10_000,
  /** To send the whole request. */
  request: 20_000,
  /** Between two requests. */
  keepAlive: 30_000,
  /** Without a single byte moving while an answer is sent. */
  stall: 120_000,
} as const;

/** What never became a request, or won't be one. */
export interface BadConnection {
  readonly status: number;
  /** For the client and for people. */
  readonly reason: string;
}

/** What is wrong with bytes that never became a request; undefined when the client has just gone. */
export function badConnection({ code }: Pick<ConnectionError, 'code'>): BadConnection | undefined {
  if (code === 'ECONNRESET') return undefined;
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return { status: 408, reason: 'the request took too long to arrive' };
  if (code === 'HPE_HEADER_OVERFLOW') {
    return { status: 431, reason: `the request's headers are larger than ${LIMITS.headerBytes} bytes` };
  }
  return { status: 400, reason: 'this is not an HTTP request' };
}

/** Answers in place of a route, and closes the connection. */
export function refuseConnection(socket: Socket, { status, reason }: BadConnection): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n` +
      `content-length: ${Buffer.byteLength(reason) + 1}\r\n\r\n${reason}\n`,
    () => socket.destroy(),
  );
}
