import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { ExecutionContext } from 'ava';

/** A message as it arrived. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A web server that takes webhooks' messages. */
export interface WebhookReceiver {
  readonly url: string;
  readonly received: readonly Received[];
  /** Resolves once `count` messages have come, those that were not taken included. */
  waitFor(count: number): Promise<readonly Received[]>;
}

/** Takes a message (204) or does something else with it; `index` counts from 0. */
export type Answer = (response: ServerResponse, index: number) => void;

/** Starts a web server on loopback for the length of a test. */
export async function webhookReceiverFor(
  t: ExecutionContext,
  answer: Answer = (response) => response.writeHead(204).end(),
  port = 0,
): Promise<WebhookReceiver> {
  const received: Received[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  const server = createServer(async (request, response) => {
    const { method = '', url: path = '', headers } = request;
    const body = await text(request);
    received.push({ method, path, headers, body });
    answer(response, received.length - 1);
    for (const { count, resolve } of waiting) if (received.length >= count) resolve();
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    async waitFor(count) {
      if (received.length < count) {
        await new Promise<void>((resolve) => void waiting.push({ count, resolve }));
      }
      return received;
    },
  };
}
