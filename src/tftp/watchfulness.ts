/** How often the time until the next try doubles at most: every 64th wait then begins with one. */
const MOST_DOUBLINGS = 6;

/**
 * Decides whether the serving thread watches for a moment before it sleeps. Falling asleep and being woken takes longer than
 * a near client takes to acknowledge a block, and in lock-step nothing else happens meanwhile. For clients further away
 * watching is a waste: each time that nothing came, twice as many waits pass until the next try.
 */
export class Watchfulness {
  #doublings = 0;
  /** Waits still to begin without watching. */
  #left = 0;

  /** Tells whether the wait that begins now begins with watching; if so, `learn` is to be told what came of it. */
  begins(): boolean {
    if (this.#left === 0) return true;
    this.#left -= 1;
    return false;
  }

  /** Takes whether something came while it was watched for. */
  learn(came: boolean): void {
    this.#doublings = came ? 0 : Math.min(this.#doublings + 1, MOST_DOUBLINGS);
    this.#left = came ? 0 : 2 ** this.#doublings - 1;
  }
}
