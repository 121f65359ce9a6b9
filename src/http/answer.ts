import type { FastifyReply } from 'fastify';
import type { HttpEvent } from './events.ts';

const PLAIN = 'text/plain; charset=utf-8';

/** What a machine gets depends on the moment it asks, so nothing on the way may keep it. */
export function sendText(reply: FastifyReply, text: string, type = PLAIN): FastifyReply {
  return reply.header('cache-control', 'no-store').type(type).send(text);
}

/** Reports `event` once the whole answer has left. */
export function whenDelivered(
  reply: FastifyReply,
  observe: (event: HttpEvent) => void,
  event: HttpEvent,
): void {
  reply.raw.once('finish', () => observe(event));
}
