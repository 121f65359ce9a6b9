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

const ANSWERS: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout|the request took too long to arrive',
  HPE_HEADER_OVERFLOW: `431 Request Header Fields Too Large|the request's headers are larger than ${LIMITS.headerBytes} bytes`,
};

/** Answers bytes that never became a request, and closes the connection. */
export function refuseBadConnection(error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status = '', reason = ''] = (
    ANSWERS[error.code] ?? '400 Bad Request|this is not an HTTP request'
  ).split('|');
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n` +
      `content-length: ${Buffer.byteLength(reason) + 1}\r\n\r\n${reason}\n`,
    () => socket.destroy(),
  );
}
