import { resolve } from 'node:path';
import type { Webhook } from './config.ts';
import type { Problem } from './problem.ts';
import { DEFAULT_WEBHOOK_EVENTS, type WebhooksInput } from './webhook-schema.ts';
import type { YamlFile } from './yaml.ts';

/** `webhooks` of rackseed.yaml; relative paths start in `directory`. */
export function resolveWebhooks(input: WebhooksInput, directory: string): Webhook[] {
  return input.map(({ url, secret_file, events }) => ({
    url,
    ...(secret_file !== undefined && { secretFile: resolve(directory, secret_file) }),
    events: events ?? DEFAULT_WEBHOOK_EVENTS,
  }));
}

/**
 * What is wrong with the webhooks beyond their form. No message repeats a URL, since it may hold a password.
 * `holdsText` is true when there is a file at an absolute path that can be read and isn't empty.
 */
export function checkWebhooks(
  main: YamlFile,
  webhooks: readonly Webhook[],
  holdsText: (path: string) => boolean,
): Problem[] {
  const problems: Problem[] = [];
  for (const [index, { url, secretFile }] of webhooks.entries()) {
    const report = (key: string, message: string, expected: string) =>
      problems.push(main.problem(['webhooks', index, key], message, expected));
    const { username, password } = new URL(url);
    if (username !== '' || password !== '') {
      report('url', 'has a user name or a password in it', 'a URL without, and a secret_file');
    }
    const other = webhooks.findIndex((webhook) => webhook.url === url);
    if (other < index) report('url', `is the URL of webhooks[${other}] too`, 'one entry with all its events');
    if (secretFile !== undefined && !holdsText(secretFile)) {
      report('secret_file', `${secretFile} can't be read or is empty`, 'a file with the key in it');
    }
  }
  return problems;
}
