import type { FastifyReply } from 'fastify';
import type { HttpEvent } from './events.ts';

const PLAIN = 'text/plain; charset=utf-8';

/** What a machine gets depends on the moment it asks, so nothing on the way may keep it. */
export function sendText(reply: FastifyReply, text: string, type = PLAIN): FastifyReply {
  return reply.header('cache-control', 'no-store').type(type).send(text);
}

/** Calls `report` once when an answer is over: with true when the whole of it has left. */
export function whenOver({ raw }: FastifyReply, report: (complete: boolean) => void): void {
  // The client may have gone while the answer was being made.
  if (raw.destroyed) {
    report(false);
    return;
  }
  raw.once('finish', () => report(true));
  raw.once('close', () => {
    if (!raw.writableFinished) report(false);
  });
}

/** Reports `event` once the whole answer has left. */
export function whenDelivered(
  reply: FastifyReply,
  observe: (event: HttpEvent) => void,
  event: HttpEvent,
): void {
  reply.raw.once('finish', () => observe(event));
}
