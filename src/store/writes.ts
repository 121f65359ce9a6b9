import { setTimeout as pause } from 'node:timers/promises';
import { getSystemErrorMap } from 'node:util';

/** One change to the store. */
export interface Write {
  /** What is changed; of several changes to the same, only the last is caught up on. */
  readonly key: string;
  /** Rejects when it couldn't be written. */
  readonly run: () => Promise<unknown>;
  /** False for a change that is no longer wanted when it couldn't be made at once. */
  readonly isKept: boolean;
}

export interface WritesOptions {
  /** Rejects, with words for people, while writing makes no sense; mends what can be mended. */
  readonly mend: () => Promise<void>;
  /** Writing has stopped to work; called again when the reason is another one. */
  readonly onFailing: (reason: string) => void;
  /** It works again, and what was kept is written down. */
  readonly onWorking: () => void;
}

/** How often writing is tried again, milliseconds. */
const RETRY = 1_000;
/** Changes made at one time when it works again: each takes some pages of the disk. */
const BATCH = 100;
/** Changes kept while nothing can be written: those of every machine and event that is remembered. */
const MAX_KEPT = 50_000;

/**
 * Makes changes as long as the disk takes them. From the first that fails they are only kept in memory, since each try would
 * cost time and fail as well; when the disk is good again, what was kept is written down, and all goes on as before.
 */
export class Writes {
  readonly #options: WritesOptions;
  /** The last change to each key that isn't written down, in the order in which they are to be made. */
  readonly #kept = new Map<string, Write>();
  #failing: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: WritesOptions) {
    this.#options = options;
  }

  /** Makes a change. Rejects, with the reason in words, when it can't be made now. */
  async make(write: Write): Promise<void> {
    if (this.#failing !== undefined) {
      this.#keep(write);
      throw new Error(this.#failing);
    }
    try {
      await write.run();
      if (this.#kept.size > 0) this.#kept.delete(write.key);
    } catch (error) {
      const reason = await reasonOf(error);
      this.#keep(write);
      this.fail(reason);
      throw new Error(reason);
    }
  }

  /** From now on nothing is written, until `mend` says that it makes sense again. */
  fail(reason: string): void {
    if (this.#closed || this.#failing === reason) return;
    this.#failing = reason;
    this.#options.onFailing(reason);
    this.#timer ??= setTimeout(() => void this.#retry(), RETRY);
  }

  /** The same, because of an error. */
  failBy(error: unknown): void {
    this.fail(wordsOf(error));
  }

  /** Ends the tries. What is kept is lost. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #keep(write: Write): void {
    if (!write.isKept) return;
    this.#kept.delete(write.key);
    this.#kept.set(write.key, write);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
  }

  async #retry(): Promise<void> {
    try {
      await this.#options.mend();
      // What is changed meanwhile is kept behind these.
      while (this.#kept.size > 0 && !this.#closed) {
        await this.#catchUp();
        await this.#options.mend();
      }
      this.#timer = undefined;
      if (this.#closed) return;
      this.#failing = undefined;
      this.#options.onWorking();
    } catch (error) {
      const reason = await reasonOf(error);
      this.#timer = undefined;
      if (this.#closed) return;
      if (reason === this.#failing) this.#timer = setTimeout(() => void this.#retry(), RETRY);
      else this.fail(reason);
    }
  }

  async #catchUp(): Promise<void> {
    const writes = [...this.#kept.values()].slice(0, BATCH);
    const results = await Promise.allSettled(writes.map(({ run }) => run()));
    let failure: unknown;
    results.forEach((result, index) => {
      const write = writes[index];
      if (result.status === 'rejected') failure ??= result.reason;
      else if (write && this.#kept.get(write.key) === write) this.#kept.delete(write.key);
    });
    if (failure !== undefined) throw failure;
  }
}

/** How long LMDB may take to tell why a transaction has failed, milliseconds. */
const EXPLANATION = 500;

/**
 * What an error says. LMDB's says only where to find that, in a promise whose rejection would end the process if nobody
 * took it.
 */
async function reasonOf(error: unknown): Promise<string> {
  const { commitError } = error as { readonly commitError?: Promise<never> };
  const told = commitError?.catch((cause: unknown) => cause);
  const cause = told ? await Promise.race([told, pause(EXPLANATION, error, { ref: false })]) : error;
  return wordsOf(cause);
}

function wordsOf(cause: unknown): string {
  const { code } = cause as NodeJS.ErrnoException;
  // Without the call and the path, it is the same text each time.
  const [, known] = [...getSystemErrorMap().values()].find(([name]) => name === code) ?? [];
  if (known !== undefined) return known;
  const text = cause instanceof Error ? cause.message : String(cause);
  // "No space left on device: Attempting to write page at position …"
  return text.replace(/: Attempting .*/s, '').replace(/^[A-Z](?=[a-z])/, (first) => first.toLowerCase());
}
