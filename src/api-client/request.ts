import { type IncomingMessage, type OutgoingHttpHeaders, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Endpoint } from './endpoint.ts';
import { explainConnection, Unreachable } from './errors.ts';

/** Without a single byte moving, an answer is given up after this, milliseconds. */
const TIMEOUT = 20_000;
/** More than any answer has, bytes. */
const ANSWER_LIMIT = 64 * 1024 * 1024;

/** What to ask. */
export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  /** Begins with a slash; parts from elsewhere are encoded already. */
  readonly path: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: { readonly type: string; readonly text: string };
  /** How long nothing may move, milliseconds; 20 s unless given. */
  readonly timeout?: number;
  readonly signal?: AbortSignal | undefined;
}

/** An answer, whatever its status. */
export interface ApiAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Asks and waits for the whole answer. Rejects with Unreachable when there is none. */
export async function ask(endpoint: Endpoint, request: ApiRequest): Promise<ApiAnswer> {
  const response = await open(endpoint, request);
  return { status: response.statusCode ?? 0, ...(await readAnswer(endpoint, response)) };
}

/** The rest of an answer. Rejects with Unreachable when it breaks off or is too long. */
export async function readAnswer(
  endpoint: Endpoint,
  response: IncomingMessage,
): Promise<{ readonly type: string; readonly body: string }> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > ANSWER_LIMIT) throw new Error(`its answer is longer than ${ANSWER_LIMIT} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw new Unreachable(explainConnection(endpoint, error as NodeJS.ErrnoException));
  }
  return { type: response.headers['content-type'] ?? '', body: Buffer.concat(chunks).toString('utf8') };
}

/** Asks, and gives the answer as soon as its headers are there. Rejects with Unreachable when there is none. */
export function open(endpoint: Endpoint, request: ApiRequest): Promise<IncomingMessage> {
  const { method = 'GET', path, body, timeout = TIMEOUT, signal } = request;
  const headers: OutgoingHttpHeaders = {
    accept: 'application/json, application/problem+json',
    ...request.headers,
    ...(endpoint.token !== undefined && { authorization: `Bearer ${endpoint.token}` }),
    ...(body && { 'content-type': body.type, 'content-length': Buffer.byteLength(body.text) }),
    // A unix socket has no name of its own.
    ...('socketPath' in endpoint.target && { host: 'localhost' }),
  };
  const send = endpoint.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const options = { ...endpoint.target, method, path: endpoint.prefix + path, headers, timeout };
    const asked = send({ ...options, ...(signal && { signal }) }, resolve);
    asked.on('timeout', () => asked.destroy(new Error(`nothing came for ${timeout / 1000} s`)));
    asked.on('error', (error: NodeJS.ErrnoException) => {
      reject(signal?.aborted ? signal.reason : new Unreachable(explainConnection(endpoint, error)));
    });
    asked.end(body?.text);
  });
}
