import type { IncomingMessage } from 'node:http';
import { createParser } from 'eventsource-parser';
import type { Endpoint } from './endpoint.ts';
import { explainConnection, Unreachable } from './errors.ts';

/** Characters of one event; the longest are machines with many labels. */
const EVENT_LIMIT = 4 * 1024 * 1024;

/** A message of `GET /v1/events`. */
export interface ServerEvent {
  /** The number of the event in the journal; absent for what isn't kept there. */
  readonly id?: number;
  /** `boot`, `state`, `change`, `notice`, `machine`, `forgotten`, `reset` or `hello`. */
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Reads server-sent events from an answer. Throws Unreachable when the connection breaks. */
export async function* readEvents(
  endpoint: Endpoint,
  response: IncomingMessage,
): AsyncGenerator<ServerEvent, void, undefined> {
  const waiting: ServerEvent[] = [];
  const parser = createParser({
    maxBufferSize: EVENT_LIMIT,
    onEvent({ id, event = 'message', data }) {
      const number = id === undefined || id === '' ? Number.NaN : Number(id);
      waiting.push({ event, data: JSON.parse(data), ...(Number.isInteger(number) && { id: number }) });
    },
  });
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      parser.feed(chunk);
      yield* waiting.splice(0);
    }
  } catch (error) {
    if (error instanceof SyntaxError) throw new Error(`${endpoint.place} sent an event that is no JSON`);
    throw new Unreachable(explainConnection(endpoint, error as NodeJS.ErrnoException));
  } finally {
    response.destroy();
  }
}
