import { setTimeout as wait } from 'node:timers/promises';
import type { ApiClient, EventRequest } from './client.ts';
import { ApiRefusal, Unreachable } from './errors.ts';
import type { ServerEvent } from './event-stream.ts';

/** What comes of following events: the events, and how the connection fares. */
export type Followed =
  /** `again` when it was lost before; what isn't kept in the journal may have been missed. */
  | { readonly kind: 'connected'; readonly again: boolean }
  | { readonly kind: 'lost'; readonly reason: string }
  | ({ readonly kind: 'event' } & ServerEvent);

export interface FollowOptions extends EventRequest {
  /** Also wait for a service that can't be reached at the beginning. */
  readonly patient?: boolean;
  /** Before the first try to connect again, milliseconds; each further one waits twice as long, up to 10 s. */
  readonly pause?: number;
}

const LONGEST_PAUSE = 10_000;

/**
 * Follows events for good: a lost connection is made anew, and events go on after the last one that came. Ends when `signal` says
 * so. Throws an ApiRefusal when the service says no, and Unreachable when it can't be reached at the beginning, unless `patient`.
 */
export async function* followEvents(
  client: ApiClient,
  { patient = false, pause = 500, lastId: since, ...request }: FollowOptions = {},
): AsyncGenerator<Followed, void, undefined> {
  const { signal } = request;
  let lastId = since;
  let connectedBefore = false;
  let isLost = false;
  let delay = pause;
  while (!signal?.aborted) {
    try {
      const events = await client.events({ ...request, ...(lastId !== undefined && { lastId }) });
      yield { kind: 'connected', again: connectedBefore };
      connectedBefore = true;
      isLost = false;
      delay = pause;
      for await (const event of events) {
        lastId = lastIdAfter(event, lastId);
        yield { kind: 'event', ...event };
      }
      throw new Unreachable(`the service at ${client.place} has ended the connection`);
    } catch (error) {
      if (signal?.aborted) return;
      if (!isPassing(error) || !(connectedBefore || patient)) throw error;
      if (!isLost) yield { kind: 'lost', reason: (error as Error).message };
      isLost = true;
    }
    await wait(delay, undefined, { signal }).catch(() => {});
    delay = Math.min(delay * 2, LONGEST_PAUSE);
  }
}

/** Where to go on after this event. */
function lastIdAfter({ id, event, data }: ServerEvent, before: number | undefined): number | undefined {
  if (id !== undefined) return id;
  const told = event === 'hello' || event === 'reset' ? data.lastId : undefined;
  return typeof told === 'number' ? told : before;
}

/** True for troubles that time may cure: no connection, a service that starts, too many requests. */
export function isPassing(error: unknown): boolean {
  if (error instanceof ApiRefusal) return error.status >= 500 || error.status === 429;
  return error instanceof Unreachable;
}
