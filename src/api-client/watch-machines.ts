import { setTimeout as pause } from 'node:timers/promises';
import type { ApiClient } from './client.ts';
import { followEvents, isPassing } from './follow.ts';
import type { MachineFilter, ShownMachine } from './types.ts';

/** What a watcher sees: the machines as they are now, or that the service can't be reached for the time being. */
export type Sighting =
  | { readonly kind: 'machines'; readonly machines: readonly ShownMachine[] }
  | { readonly kind: 'lost'; readonly reason: string };

export interface WatchOptions {
  /** Ends the watch. */
  readonly signal?: AbortSignal;
  /** Least time between two looks, milliseconds. */
  readonly interval?: number;
  /** Also wait for a service that can't be reached at the beginning. */
  readonly patient?: boolean;
}

/**
 * Gives the machines that the filter lets through, and gives them again whenever something has happened. The events only say when
 * to look: what is shown is what the API lists, so that its filters count and nothing is missed.
 */
export async function* watchMachines(
  client: ApiClient,
  filter: MachineFilter,
  { signal, interval = 1000, patient = false }: WatchOptions = {},
): AsyncGenerator<Sighting, void, undefined> {
  const left = new AbortController();
  const ended = signal ? AbortSignal.any([signal, left.signal]) : left.signal;
  const bell = new Bell(ended);
  let failure: { readonly error: unknown } | undefined;
  let lost: string | undefined;
  const follow = async () => {
    for await (const item of followEvents(client, { signal: ended, patient })) {
      lost = item.kind === 'lost' ? item.reason : undefined;
      bell.ring();
    }
  };
  const following = follow().catch((error: unknown) => {
    failure = { error };
    bell.ring();
  });
  try {
    while (true) {
      await bell.rung();
      if (ended.aborted) return;
      if (failure) throw failure.error;
      if (lost !== undefined) {
        yield { kind: 'lost', reason: lost };
        continue;
      }
      try {
        yield { kind: 'machines', machines: await client.machines(filter, ended) };
      } catch (error) {
        if (ended.aborted) return;
        if (!isPassing(error)) throw error;
        yield { kind: 'lost', reason: (error as Error).message };
        bell.ring();
      }
      await pause(interval, undefined, { signal: ended }).catch(() => {});
    }
  } finally {
    left.abort();
    await following;
  }
}

/** Says that something has happened since somebody last waited for it. */
class Bell {
  readonly #ended: AbortSignal;
  #hasRung = false;
  #wake = () => {};

  /** After `ended` nobody waits any more. */
  constructor(ended: AbortSignal) {
    this.#ended = ended;
    ended.addEventListener('abort', () => this.ring(), { once: true });
  }

  ring(): void {
    this.#hasRung = true;
    this.#wake();
  }

  /** Resolves at once when it has rung already. */
  async rung(): Promise<void> {
    if (!this.#hasRung && !this.#ended.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#hasRung = false;
  }
}
