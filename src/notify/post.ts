import { readFile } from 'node:fs/promises';
import type { Webhook } from '../config/config.ts';
import type { Notification } from './notification.ts';
import { headersOf } from './signature.ts';

/** How long one try may take, milliseconds. */
const TIMEOUT = 10_000;

/**
 * Sends a notification once, for at most so many milliseconds. Gives undefined when the webhook has taken it (any 2xx), else why not, for people and without
 * its URL. Redirects aren't followed: they would carry the message to where nobody wanted it. Never rejects.
 */
export async function post(
  webhook: Webhook,
  notification: Notification,
  stopping: AbortSignal,
  milliseconds = TIMEOUT,
): Promise<string | undefined> {
  const timeout = AbortSignal.timeout(milliseconds);
  try {
    const secret = await readSecret(webhook);
    const response = await fetch(webhook.url, {
      method: 'POST',
      headers: headersOf(webhook.url, notification, secret, Date.now()),
      body: notification.body,
      redirect: 'manual',
      signal: AbortSignal.any([stopping, timeout]),
    });
    await response.body?.cancel();
    if (response.ok) return undefined;
    return response.status >= 300 && response.status < 400
      ? `it answers ${response.status}, a redirect, which isn't followed: configure the URL that it leads to`
      : `it answers ${response.status}`;
  } catch (error) {
    return timeout.aborted ? `it gives no answer within ${milliseconds / 1_000} s` : describe(error as Error);
  }
}

/** Read anew for every try, so that a new key needs no reload. Throws an Error for people. */
async function readSecret({ secretFile }: Webhook): Promise<string | undefined> {
  if (secretFile === undefined) return undefined;
  const secret = await readFile(secretFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Error(`its key can't be read from ${secretFile}: ${error.code}`);
  });
  if (secret.trim() === '') throw new Error(`its key file ${secretFile} is empty`);
  return secret.trim();
}

/** fetch says only that it failed; why is in its cause. */
function describe({ message, cause }: Error): string {
  return cause instanceof Error ? cause.message || String((cause as NodeJS.ErrnoException).code) : message;
}
