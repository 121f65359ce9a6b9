import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { withoutTokens } from '../machines/boot-token.ts';
import type { HttpEvent } from './events.ts';

/**
 * Thrown by a route to answer with an error; the message is the answer's one line, for whoever reads it. `reason` is told
 * to the administrator instead of it, when there is more to say than a stranger should know.
 */
export class Refusal extends Error {
  readonly status: number;
  readonly reason: string;
  readonly mac: string | undefined;
  readonly isTold: boolean;

  constructor(status: number, message: string, reason = message, about: RefusalFacts = {}) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.mac = about.mac;
    this.isTold = about.isTold ?? true;
  }
}

/** What else the administrator is told of a refusal. */
export interface RefusalFacts {
  /** The machine that somebody asked about. */
  readonly mac?: string;
  /** False for one of many alike, which is only counted. */
  readonly isTold?: boolean;
}

/** Seconds after which a client should try again on 503. */
const RETRY_AFTER = '2';

/**
 * Makes every error of `app` a line of plain text and a `refused` event: Refusals with their own status, Fastify's errors
 * about the request with theirs, anything else 500 without saying more than that the log does.
 */
export function answerErrorsInText(app: FastifyInstance, observe: (event: HttpEvent) => void): void {
  app.setErrorHandler((error: Error, request, reply) =>
    refuse(request, reply, toRefusal(error, request), observe),
  );
  app.setNotFoundHandler((request) => {
    throw new Refusal(404, `nothing is served at ${request.method} ${pathOf(request)}`);
  });
}

/** Answers with the refusal's status and line. */
export function refuse(
  request: FastifyRequest,
  reply: FastifyReply,
  { status, message, reason, mac, isTold }: Refusal,
  observe: (event: HttpEvent) => void,
): void {
  const route = request.routeOptions.url ?? 'unknown';
  observe({
    type: 'refused',
    address: request.ip,
    route,
    status,
    reason: withoutTokens(reason),
    ...(mac !== undefined && { mac }),
    ...(!isTold && { isRepeated: true }),
  });
  if (status === 503) reply.header('retry-after', RETRY_AFTER);
  reply
    .code(status)
    .header('cache-control', 'no-store')
    .type('text/plain; charset=utf-8')
    .send(`${message}\n`);
}

/** What the client is told about an error: the whole message only when it is about its own request. */
export function toRefusal(error: Error, request: FastifyRequest): Refusal {
  if (error instanceof Refusal) return error;
  const { statusCode: status = 500 } = error as FastifyError;
  if (status < 500) return new Refusal(status, error.message);
  request.log.error({ err: error, route: request.routeOptions.url }, 'request failed');
  return new Refusal(500, 'the server failed to answer; its log says why');
}

function pathOf(request: FastifyRequest): string {
  return JSON.stringify(request.url.replace(/\?.*/s, ''));
}
