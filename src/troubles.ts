import type { Logger } from 'pino';
import type { Happening } from './machines/journal.ts';

/** What can go wrong while the service runs, and be right again without a restart. */
export interface TroubleReport {
  /** Something doesn't work. `detail` is for people: what is wrong, what that means, and what to do. */
  begin(subject: string, detail: string): void;
  /** It works again; `detail` says so. */
  end(subject: string, detail: string): void;
}

/**
 * The troubles of the service that last: each is said once in the log and in the journal when it begins, once more when its
 * words change, and once when it is over. A subject names what doesn't work, and has one trouble at a time.
 */
export class Troubles implements TroubleReport {
  readonly #logger: Logger;
  readonly #publish: (notice: Extract<Happening, { type: 'notice' }>) => void;
  readonly #current = new Map<string, string>();

  constructor(logger: Logger, publish: (notice: Extract<Happening, { type: 'notice' }>) => void) {
    this.#logger = logger;
    this.#publish = publish;
  }

  begin(subject: string, detail: string): void {
    if (this.#current.get(subject) === detail) return;
    this.#current.set(subject, detail);
    this.#logger.error({ subject }, detail);
    this.#publish({ type: 'notice', severity: 'error', detail });
  }

  end(subject: string, detail: string): void {
    if (!this.#current.delete(subject)) return;
    this.#logger.info({ subject }, detail);
    this.#publish({ type: 'notice', severity: 'info', detail });
  }

  /** What is wrong now, by subject. */
  get current(): ReadonlyMap<string, string> {
    return this.#current;
  }
}
