import { setImmediate as turnEnd } from 'node:timers/promises';
import type { ServedFile } from './served-file.ts';

type Lookup = Promise<ServedFile | undefined>;

/**
 * Looks files up, one lookup of the same file at a time: when a rack boots, hundreds ask for it, and those who come while it
 * is looked up share the next one. Nobody is given what was found before they asked, so a file that was replaced is never
 * served as it was.
 */
export class Lookups {
  /** By place, what goes on, and what begins after it. */
  readonly #running = new Map<string, Lookup>();
  readonly #next = new Map<string, Lookup>();

  /** What `look` finds at `place`, which names it among all that are looked up here. Rejects when `look` does. */
  find(place: string, look: () => Lookup): Lookup {
    const next = this.#next.get(place);
    if (next) return next;
    const lookup = this.#afterRunning(place, look);
    this.#next.set(place, lookup);
    return lookup;
  }

  async #afterRunning(place: string, look: () => Lookup): Lookup {
    // Whoever asks in the same turn of the event loop is in it, too.
    await turnEnd();
    await this.#running.get(place)?.catch(() => {});
    this.#next.delete(place);
    const lookup = look();
    this.#running.set(place, lookup);
    try {
      return await lookup;
    } finally {
      // The next one may have taken its place already.
      if (this.#running.get(place) === lookup) this.#running.delete(place);
    }
  }
}
