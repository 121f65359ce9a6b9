/** How groups are written. */
export interface GroupCommitOptions<Item> {
  /** Resolves once all items would survive the loss of this process or host; rejects when none was written. */
  readonly write: (items: readonly Item[]) => Promise<unknown>;
  /** From the beginning of one write to that of the next, at least so many milliseconds. */
  readonly interval: number;
}

/**
 * Writes things down in groups, since to write many costs little more than to write one: whatever comes while a group is
 * being written, or within `interval` after it was begun, is the next group. What comes after a quiet moment is written
 * at once.
 */
export class GroupCommit<Item> {
  readonly #options: GroupCommitOptions<Item>;
  #next: Group<Item> | undefined;
  #current: Group<Item> | undefined;
  /** A group is being written, or will be at a time that is fixed. */
  #isPlanned = false;
  /** When a group was begun last, milliseconds of the monotonic clock. */
  #begun = Number.NEGATIVE_INFINITY;

  constructor(options: GroupCommitOptions<Item>) {
    this.#options = options;
  }

  /** Resolves or rejects as `write` does with the group that the item is in. All of a group get the same promise. */
  add(item: Item): Promise<void> {
    if (!this.#next) {
      this.#next = newGroup();
      if (!this.#isPlanned) this.#plan();
    }
    this.#next.items.push(item);
    return this.#next.written;
  }

  /** Resolves when all that was added is written, or could not be. */
  async flush(): Promise<void> {
    await (this.#next ?? this.#current)?.written.catch(() => {});
  }

  /** Begins the next group when it is time. What is told in the same turn of the event loop is in it as well. */
  #plan(): void {
    const left = this.#begun + this.#options.interval - performance.now();
    if (left > 0) setTimeout(() => void this.#write(), left);
    else setImmediate(() => void this.#write());
    this.#isPlanned = true;
  }

  async #write(): Promise<void> {
    const group = this.#next;
    if (!group) return;
    this.#current = group;
    this.#next = undefined;
    this.#begun = performance.now();
    try {
      await this.#options.write(group.items);
      group.resolve();
    } catch (error) {
      group.reject(error);
    }
    this.#current = undefined;
    this.#isPlanned = false;
    if (this.#next) this.#plan();
  }
}

interface Group<Item> {
  readonly items: Item[];
  readonly written: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

function newGroup<Item>(): Group<Item> {
  let resolve = () => {};
  let reject: (error: unknown) => void = () => {};
  const written = new Promise<void>((onWritten, onFailed) => {
    resolve = onWritten;
    reject = onFailed;
  });
  return { items: [], written, resolve, reject };
}
