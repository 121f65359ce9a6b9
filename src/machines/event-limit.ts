import type { Happening } from './journal.ts';

/** Events that strangers may cause at once, and how many more each second. */
const BURST = 1_000;
const REFILL = 10;
/** A flood that goes on is told again after so many milliseconds. */
const REPEAT = 60_000;

/**
 * Lets a flood of machines that may not be real leave no more than a few events, so that it displaces nothing that people
 * want to know; what is left out is told in one notice a minute. `now` is in milliseconds on any clock.
 */
export class EventLimit {
  #left = BURST;
  #at = Number.NEGATIVE_INFINITY;
  #omitted = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  /** What is to be published of an event that a stranger caused: itself, a notice that it and others are left out, or nothing. */
  admit(happening: Happening, now: number): Happening | undefined {
    const seconds = Math.max(0, now - this.#at) / 1_000;
    this.#left = Math.min(BURST, this.#left + seconds * REFILL);
    this.#at = now;
    if (this.#left >= 1) {
      this.#left -= 1;
      return happening;
    }
    this.#omitted += 1;
    if (now - this.#toldAt < REPEAT) return undefined;
    this.#toldAt = now;
    const omitted = this.#omitted;
    this.#omitted = 0;
    return {
      type: 'notice',
      severity: 'warning',
      detail: `a flood of machines that nobody knows: ${omitted} of their events are left out; is something on the network making up hardware addresses?`,
    };
  }
}
