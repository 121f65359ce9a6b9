/** What `findHighestRate` needs to know. */
export interface RateSearch<T> {
  /** The rate to begin with. */
  readonly first: number;
  /** No higher rate is tried. */
  readonly highest: number;
  /** How many times the gap between the highest sustained rate and the lowest that wasn't is halved. */
  readonly refinements: number;
  /** Tries a rate; gives undefined when it isn't sustained. */
  readonly attempt: (rate: number) => Promise<T | undefined>;
}

/**
 * Looks for the highest rate that is sustained: doubles it until it isn't, then closes in. A rate counts as too high
 * when it failed twice, since a moment's disturbance is not the server's limit. Gives what came of the highest
 * sustained rate; undefined when not even a rate of 1 was.
 */
export async function findHighestRate<T>(search: RateSearch<T>): Promise<T | undefined> {
  const { first, highest, attempt } = search;
  let best: T | undefined;
  let sustained = 0;
  let tooHigh = Number.POSITIVE_INFINITY;
  let refinements = search.refinements;
  for (let rate = Math.min(first, highest); ; ) {
    const result = (await attempt(rate)) ?? (await attempt(rate));
    if (result !== undefined) {
      best = result;
      sustained = rate;
    } else {
      tooHigh = rate;
    }
    if (sustained === highest || tooHigh === 1) return best;
    if (sustained === 0) {
      rate = Math.floor(tooHigh / 2);
    } else if (tooHigh === Number.POSITIVE_INFINITY) {
      rate = Math.min(sustained * 2, highest);
    } else if (refinements > 0) {
      refinements -= 1;
      rate = Math.round((sustained + tooHigh) / 2);
    } else {
      return best;
    }
  }
}
