import type { Socket } from 'node:net';
import type { ConnectionError } from 'fastify';
import { problemBody } from './problem.ts';

const ANSWERS: Readonly<
  Record<string, { readonly status: number; readonly line: string; readonly detail: string }>
> = {
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    line: '408 Request Timeout',
    detail: 'the request took too long to arrive',
  },
  HPE_HEADER_OVERFLOW: {
    status: 431,
    line: '431 Request Header Fields Too Large',
    detail: 'the headers are too large',
  },
};
const BAD_REQUEST = { status: 400, line: '400 Bad Request', detail: 'this is not an HTTP request' };

/** Answers bytes that never became a request with a problem document, and closes the connection. */
export function refuseBadConnection(error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, line, detail } = ANSWERS[error.code] ?? BAD_REQUEST;
  const body = problemBody(status, detail);
  socket.end(
    `HTTP/1.1 ${line}\r\ncontent-type: application/problem+json\r\nconnection: close\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}
