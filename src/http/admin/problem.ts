import { STATUS_CODES } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { Static } from 'typebox';
import { ChangeRefusal } from '../../machines/rack.ts';
import type { Problem } from './schemas.ts';

/** An answer that is not what was asked for: what is wrong, and what to do about it. */
export class HttpProblem extends Error {
  readonly statusCode: number;
  /** What is wrong with single lines of what was sent. */
  readonly errors: Static<typeof Problem>['errors'];
  constructor(statusCode: number, detail: string, errors?: Static<typeof Problem>['errors']) {
    super(detail);
    this.statusCode = statusCode;
    this.errors = errors;
  }
}

/** The body of a problem document (RFC 9457). */
export function problemBody(status: number, detail: string, errors?: HttpProblem['errors']): string {
  const problem: Static<typeof Problem> = {
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail,
    ...(errors && { errors }),
  };
  return JSON.stringify(problem);
}

/** Answers with a problem document (RFC 9457). */
export function sendProblem(
  reply: FastifyReply,
  status: number,
  detail: string,
  errors?: HttpProblem['errors'],
): FastifyReply {
  return reply
    .code(status)
    .type('application/problem+json')
    .send(problemBody(status, detail, errors));
}

const REFUSED = { unknown: 404, invalid: 422, conflict: 409 } as const;

/**
 * What an error means to the caller. An error of this program itself is status 500 with a text that gives nothing of it
 * away.
 */
export function toProblem(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof ChangeRefusal) return new HttpProblem(REFUSED[error.kind], error.message);
  if (error instanceof Error && 'statusCode' in error) {
    const status = Number(error.statusCode);
    if (status >= 400 && status < 500) return new HttpProblem(status, error.message);
  }
  return new HttpProblem(500, 'the server failed; its log says why');
}
