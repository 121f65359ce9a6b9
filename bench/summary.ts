import type { Goal, Metric } from './benchmark.ts';
import type { Outcome, Standing } from './runner.ts';

/** How rackseed compares with one peer, by the medians of the first metric. */
export interface Comparison {
  readonly peer: string;
  /** Rackseed's figure divided by the peer's. */
  readonly ratio: number;
}

/** A goal, and what came of it. */
export interface Verdict {
  readonly goal: Goal;
  readonly metric: Metric;
  /** Rackseed's median, divided by the peer's if the goal is about one; NaN when a figure is missing. */
  readonly reached: number;
  readonly met: boolean;
}

/** The middle value, or the mean of the two in the middle; NaN when a value is missing. */
export function median(values: readonly number[]): number {
  if (values.length === 0 || values.some(Number.isNaN)) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] as number;
  return Number.isInteger(middle) ? ((sorted[middle - 1] as number) + upper) / 2 : upper;
}

/** The value that `share` (0 to 1) of all are not above: the nearest rank; NaN when there is none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** Compares the first of the standings with each of the others. */
export function compare({ standings }: Outcome): Comparison[] {
  const [ours, ...peers] = standings;
  return peers.map((standing) => ({
    peer: standing.contender,
    ratio: figure(ours, 0) / figure(standing, 0),
  }));
}

/** Tells which goals were met. Throws when a goal names a metric or a peer that doesn't exist. */
export function judge({ scenario, standings }: Outcome): Verdict[] {
  const [ours] = standings;
  return (scenario.goals ?? []).map((goal) => {
    const index = scenario.metrics.findIndex(({ name }) => name === goal.metric);
    const metric = scenario.metrics[index];
    const peer = standings.find(({ contender }) => contender === goal.peer);
    if (!metric || (goal.peer !== undefined && !peer)) {
      throw new Error(`${scenario.title} has no ${goal.metric} of ${goal.peer ?? 'its own'}`);
    }
    const reached = figure(ours, index) / (peer ? figure(peer, index) : 1);
    return { goal, metric, reached, met: metric.better ? reached <= goal.value : reached >= goal.value };
  });
}

function figure(standing: Standing | undefined, metric: number): number {
  return median(standing?.values[metric] ?? []);
}
