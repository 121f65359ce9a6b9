import type { Outcome, Standing } from './runner.ts';

/** How rackseed compares with one peer, by the medians of the first metric. */
export interface Comparison {
  readonly peer: string;
  /** Rackseed's figure divided by the peer's. */
  readonly ratio: number;
  /** The ratio to reach, where there is a goal. */
  readonly goal?: number;
}

/** The middle value, or the mean of the two in the middle; NaN when a value is missing. */
export function median(values: readonly number[]): number {
  if (values.length === 0 || values.some(Number.isNaN)) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] as number;
  return Number.isInteger(middle) ? ((sorted[middle - 1] as number) + upper) / 2 : upper;
}

/** Compares the first of the standings with each of the others. */
export function compare({ standings, goals }: Outcome): Comparison[] {
  const [ours, ...peers] = standings;
  return peers.map((standing) => {
    const goal = goals.get(standing.contender);
    return {
      peer: standing.contender,
      ratio: figure(ours) / figure(standing),
      ...(goal !== undefined && { goal }),
    };
  });
}

function figure(standing: Standing | undefined): number {
  return median(standing?.values[0] ?? []);
}
