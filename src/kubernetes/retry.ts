import { setTimeout as pause } from 'node:timers/promises';

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;

/** How long to wait after so many failures in a row, milliseconds: twice as long each time, up to a minute. */
export function backOff(failures: number): number {
  return Math.min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE);
}

/** Waits; false when the signal ended the wait. */
export async function waitFor(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  return pause(milliseconds, true, { signal, ref: false }).catch(() => false);
}

/** Runs a task up to `attempts` times with pauses between. Throws the last failure, or the first after `signal`. */
export async function retry<Result>(
  attempts: number,
  signal: AbortSignal,
  task: () => Promise<Result>,
): Promise<Result> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await task();
    } catch (error) {
      if (failures >= attempts || !(await waitFor(backOff(failures), signal))) throw error;
    }
  }
}
