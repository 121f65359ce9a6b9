import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { trimHeap } from './net/libc.ts';

/** How often it is looked whether there is something to give back, milliseconds. */
const LOOK = 1_000;
/** The share of its time for which a thread has work in a quiet moment. */
const QUIET = 0.05;
/** Quiet looks in a row after which V8 is to take note of how little is allocated, and after which memory is given back. */
const NOTED_AFTER = 3;
const COLLECTED_AFTER = 9;
/** Looks until memory that was given back has left the process. */
const SETTLING = 3;
/** What must have been added since the last time, bytes: a collection stops the thread for up to 100 ms. */
const WORTH = 16 * 1024 * 1024;

/** Says when there is memory to give back, and time to do it. */
export class SpareMemory {
  #quietLooks = 0;
  #settling = 0;
  #least = 0;

  /**
   * To be asked every second. Says `note` and then, some seconds later, `collect` when the thread is quiet and holds much more
   * memory than after it gave some back last.
   * @param utilization the share of the time since the last look for which the thread had work
   * @param resident bytes of memory that the process holds
   */
  look(utilization: number, resident: number): 'note' | 'collect' | undefined {
    if (this.#settling > 0) {
      this.#settling -= 1;
      if (this.#settling === 0) this.#least = resident;
      return undefined;
    }
    this.#least = Math.min(this.#least, resident);
    this.#quietLooks = utilization < QUIET ? this.#quietLooks + 1 : 0;
    if (resident - this.#least < WORTH) return undefined;
    if (this.#quietLooks === NOTED_AFTER) return 'note';
    if (this.#quietLooks < COLLECTED_AFTER) return undefined;
    this.#quietLooks = 0;
    this.#settling = SETTLING;
    return 'collect';
  }
}

/**
 * Gives back to the system, in quiet moments, the memory that the start or a load has taken and that is no longer used. V8
 * keeps it for the next load, and collects nothing while next to nothing is allocated. Gives what ends it.
 * @param onCollected gives back what only the caller knows of
 */
export function giveBackMemory(onCollected: () => void): () => void {
  setFlagsFromString('--expose-gc');
  const gc: (options?: { readonly type: 'minor' }) => void = runInNewContext('gc');
  const spare = new SpareMemory();
  let last = performance.eventLoopUtilization();
  const look = () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    const advice = spare.look(utilization, process.memoryUsage.rss());
    // V8 lets go of its young generation in a collection that finds little allocated since one some seconds before.
    if (advice === 'note') gc({ type: 'minor' });
    if (advice !== 'collect') return;
    setFlagsFromString('--compact-on-every-full-gc');
    gc();
    setFlagsFromString('--no-compact-on-every-full-gc');
    trimHeap();
    onCollected();
  };
  const looking = setInterval(look, LOOK).unref();
  return () => clearInterval(looking);
}
