/** Rows of a long list that are worth drawing: `first` to before `last`, and the room that the others take. */
export interface Visible {
  readonly first: number;
  readonly last: number;
  /** Pixels above the first row. */
  readonly above: number;
  /** Pixels below the last row. */
  readonly below: number;
}

/** Where each row begins, in pixels from the top of the list; one more at the end: where the list ends. */
export function offsetsOf(heights: readonly number[]): readonly number[] {
  const offsets = [0];
  let end = 0;
  for (const height of heights) {
    end += height;
    offsets.push(end);
  }
  return offsets;
}

/**
 * The rows that show between `top` and `bottom` (pixels from the top of the list), and `spare` rows on either side, so that
 * a scrolled list isn't empty before it's drawn anew.
 */
export function visibleRows(offsets: readonly number[], top: number, bottom: number, spare: number): Visible {
  const count = offsets.length - 1;
  const first = Math.max(0, Math.min(rowAt(offsets, top), count) - spare);
  const last = Math.min(count, rowAt(offsets, bottom) + 1 + spare);
  const end = offsets[count] ?? 0;
  return { first, last, above: offsets[first] ?? 0, below: end - (offsets[last] ?? end) };
}

/** The number of the row at `position`, by bisection. */
function rowAt(offsets: readonly number[], position: number): number {
  let low = 0;
  let high = offsets.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((offsets[middle + 1] ?? Number.POSITIVE_INFINITY) > position) high = middle;
    else low = middle + 1;
  }
  return low;
}
