import { setTimeout as wait } from 'node:timers/promises';

/** Bytes that may come at once before the pace is kept, as a part of a second's worth. */
const BURST = 0.25;

/**
 * When bytes that have come may be followed by more: a token bucket. Pure; times are milliseconds on any clock that only goes
 * forward.
 */
export class Pace {
  readonly #bytesPerSecond: number;
  /** When all that came so far would have come at the pace. */
  #due = Number.NEGATIVE_INFINITY;

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Milliseconds to wait after `bytes` came at `now` before more are read. */
  delay(bytes: number, now: number): number {
    this.#due = Math.max(this.#due, now - BURST * 1000) + (bytes / this.#bytesPerSecond) * 1000;
    return Math.max(0, this.#due - now);
  }
}

/** Waits until more may be read; one for all downloads together. */
export type Throttle = (bytes: number, signal: AbortSignal | undefined) => Promise<void>;

/** @param bytesPerSecond undefined for no limit */
export function createThrottle(bytesPerSecond: number | undefined): Throttle {
  if (bytesPerSecond === undefined) return async () => {};
  const pace = new Pace(bytesPerSecond);
  return async (bytes, signal) => {
    const delay = pace.delay(bytes, performance.now());
    if (delay > 0) await wait(delay, undefined, signal && { signal });
  };
}
