import type { Happening, Journal, JournalEvent } from './journal.ts';
import type { MachineFeed } from './machine-feed.ts';

/** Where a journal is written down. */
export interface JournalStore {
  /** What is kept, the oldest first. */
  all(): Iterable<JournalEvent>;
  /**
   * Adds events and drops those numbered below `first`. Resolves when they would survive the loss of this process, or are
   * lost because they can't be written.
   */
  append(events: readonly JournalEvent[], first: number): Promise<void>;
}

export interface EventJournalOptions {
  readonly events: JournalStore;
  /** The changes alone. */
  readonly changes: JournalStore;
  readonly feed: MachineFeed;
  readonly now: () => number;
  readonly onError: (error: Error) => void;
  /** Most events and changes kept. */
  readonly capacity?: { readonly events: number; readonly changes: number };
}

type Change = Extract<JournalEvent, { type: 'change' }>;
type Listener = (event: JournalEvent) => void;

const CAPACITY = { events: 5_000, changes: 2_000 };
/** What happens within this many milliseconds is written down together. */
const BATCH = 100;
/** More events than can be lost with a batch: no number is given out twice, however the service before ended. */
const GAP = 10_000;

/** What happened of late, in memory and on disk. */
export class EventJournal implements Journal {
  readonly #options: EventJournalOptions;
  readonly #events: Ring<JournalEvent>;
  readonly #changes: Ring<Change>;
  readonly #listeners = new Set<Listener>();
  #waiting: JournalEvent[] = [];
  #timer: NodeJS.Timeout | undefined;
  #lastId: number;
  #changesWritten: Promise<void> = Promise.resolve();

  constructor(options: EventJournalOptions) {
    const { events, changes, capacity = CAPACITY } = options;
    this.#options = options;
    this.#events = new Ring(capacity.events, events.all());
    this.#changes = new Ring(capacity.changes, [...changes.all()].filter(isChange));
    const before = Math.max(this.#events.lastId, this.#changes.lastId);
    this.#lastId = before === 0 ? 0 : before + GAP;
  }

  get lastId(): number {
    return this.#lastId;
  }

  publish(happening: Happening): void {
    this.#lastId += 1;
    const event: JournalEvent = { ...happening, id: this.#lastId, at: this.#options.now() };
    this.#events.push(event);
    if (isChange(event)) {
      this.#changes.push(event);
      // The trail of what people did doesn't wait.
      this.#changesWritten = this.#options.changes.append([event], this.#changes.firstId);
    }
    this.#waiting.push(event);
    this.#timer ??= setTimeout(() => this.flush(), BATCH);
    for (const listener of this.#listeners) this.#tell(listener, event);
  }

  since(id: number): readonly JournalEvent[] | undefined {
    if (id > this.#lastId || id < this.#events.droppedId) return undefined;
    // A number from the gap was given out by a service that ended before it could write the event down.
    const firstOfGap = this.#events.lastBefore + 1;
    if (this.#events.lastBefore > 0 && id >= firstOfGap && id < this.#events.lastBefore + GAP)
      return undefined;
    return this.#events.after(id);
  }

  changes(): readonly Change[] {
    return this.#changes.all().toReversed();
  }

  /** Resolves when all changes that were told are written down. */
  changesWritten(): Promise<void> {
    return this.#changesWritten;
  }

  subscribe(listener: Listener): () => void {
    const own: Listener = (event) => listener(event);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  subscribeMachines(listener: Parameters<Journal['subscribeMachines']>[0]): () => void {
    return this.#options.feed.subscribe(listener);
  }

  /** Hands everything that happened to the store. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const events = this.#waiting;
    this.#waiting = [];
    if (events.length > 0) void this.#options.events.append(events, this.#events.firstId);
  }

  /** One listener's trouble is not the others'. */
  #tell(listener: Listener, event: JournalEvent): void {
    try {
      listener(event);
    } catch (error) {
      this.#options.onError(error as Error);
    }
  }
}

function isChange(event: JournalEvent): event is Change {
  return event.type === 'change';
}

/** The last events of a kind. */
class Ring<Event extends JournalEvent> {
  readonly #capacity: number;
  #events: Event[];
  /** The number of the last event that is no longer kept. */
  #dropped = 0;
  /** The number of the last event from before this service began. */
  readonly lastBefore: number;

  constructor(capacity: number, events: Iterable<Event>) {
    this.#capacity = capacity;
    this.#events = [...events].slice(-capacity);
    this.#dropped = (this.#events[0]?.id ?? 1) - 1;
    this.lastBefore = this.lastId;
  }

  get firstId(): number {
    return this.#events[0]?.id ?? 0;
  }

  get lastId(): number {
    return this.#events.at(-1)?.id ?? 0;
  }

  get droppedId(): number {
    return this.#dropped;
  }

  all(): readonly Event[] {
    return this.#events;
  }

  after(id: number): readonly Event[] {
    const first = this.#events.findLastIndex((event) => event.id <= id) + 1;
    return this.#events.slice(first);
  }

  push(event: Event): void {
    this.#events.push(event);
    if (this.#events.length > this.#capacity) this.#dropped = this.#events.shift()?.id ?? this.#dropped;
  }
}
