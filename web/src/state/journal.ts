import { type ReadonlySignal, signal } from '@preact/signals';
import type { JournalEvent } from '../model/api.ts';
import { coalesce } from './coalesce.ts';

/** The events that the page has seen. */
export interface JournalStore {
  /** The newest first. */
  readonly events: ReadonlySignal<readonly JournalEvent[]>;
  put(event: JournalEvent): void;
  /** Calls `listener` with every event to come, until the function it gives is called. */
  subscribe(listener: (event: JournalEvent) => void): () => void;
}

/** So many events are kept. */
const KEPT = 2000;

/** At most so often is the list drawn anew, milliseconds. */
const DRAW_INTERVAL = 200;

export function createJournalStore(): JournalStore {
  const events = signal<readonly JournalEvent[]>([]);
  const listeners = new Set<(event: JournalEvent) => void>();
  let pending: JournalEvent[] = [];
  let lastId = 0;

  const drawSoon = coalesce(() => {
    events.value = [...pending.reverse(), ...events.value].slice(0, KEPT);
    pending = [];
  }, DRAW_INTERVAL);

  return {
    events,
    put(event) {
      if (event.id <= lastId) return;
      lastId = event.id;
      pending.push(event);
      drawSoon();
      for (const listener of listeners) listener(event);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
