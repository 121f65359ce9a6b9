import { createHash, createHmac } from 'node:crypto';
import type { Notification } from './notification.ts';

/**
 * `sha256=` and the hexadecimal HMAC-SHA-256 of the timestamp (seconds since the epoch), a dot, and the body. Whoever
 * checks it compares the timestamp with the clock as well, so that a message that was overheard can't be sent again later.
 */
export function signatureOf(secret: string, timestamp: number, body: string): string {
  return `sha256=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`;
}

/** Tells a message from every other, also those of other services; the same each time it is sent. */
export function deliveryOf(url: string, { id, at }: Notification): string {
  return createHash('sha256').update(`${url}\n${id}\n${at}`).digest('hex').slice(0, 32);
}

/** Names a webhook where its URL, which may hold a password, isn't to be seen. */
export function keyOf(url: string): string {
  return createHash('sha256').update(url).digest('hex');
}

/** The headers of one try, `now` in milliseconds since the epoch; without a secret it isn't signed. */
export function headersOf(
  url: string,
  notification: Notification,
  secret: string | undefined,
  now: number,
): Readonly<Record<string, string>> {
  const timestamp = Math.floor(now / 1_000);
  return {
    'content-type': 'application/json',
    'user-agent': 'rackseed',
    'x-rackseed-event': notification.event,
    'x-rackseed-delivery': deliveryOf(url, notification),
    'x-rackseed-timestamp': String(timestamp),
    ...(secret !== undefined && {
      'x-rackseed-signature': signatureOf(secret, timestamp, notification.body),
    }),
  };
}
