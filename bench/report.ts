import type { Metric } from './benchmark.ts';
import type { Fact } from './facts.ts';
import type { Outcome, Standing } from './runner.ts';
import { compare, judge, median, type Verdict } from './summary.ts';

/** The facts as two columns. */
export function formatFacts(facts: readonly Fact[]): string {
  return formatColumns(facts.map((fact) => [...fact]));
}

/**
 * One load as a table: a line for each contender with its medians, and rackseed's ratio to each peer if there are any. Below it
 * the goals.
 */
export function formatOutcome(outcome: Outcome): string {
  const { scenario, standings } = outcome;
  const ratios = new Map(compare(outcome).map(({ peer, ratio }) => [peer, ratio]));
  const repeated = standings.some(({ values }) => (values[0]?.length ?? 0) > 1);
  const metrics = scenario.metrics.map(({ name }) => name);
  const header = [
    '',
    ...metrics,
    ...(repeated ? ['min–max'] : []),
    ...(standings.length > 1 ? ['rackseed is'] : []),
  ];
  const rows = standings.map((standing) => [
    standing.contender,
    ...scenario.metrics.map((metric, index) => format(median(standing.values[index] ?? []), metric)),
    ...(repeated ? [spread(standing, scenario.metrics[0])] : []),
    formatRatio(ratios.get(standing.contender)),
  ]);
  const table = formatColumns([header, ...rows], metrics.length + (repeated ? 1 : 0));
  const goals = judge(outcome).map((verdict) => `goal: ${formatVerdict(verdict)}\n`);
  return `${scenario.title}\n${(table + goals.join('')).replace(/^/gm, '  ').trimEnd()}\n`;
}

/** Everything for programs: facts, and for every load and contender each metric's median and values. */
export function toJson(facts: readonly Fact[], outcomes: readonly Outcome[]): object {
  return {
    facts: Object.fromEntries(facts),
    results: outcomes.map((outcome) => ({
      benchmark: outcome.benchmark,
      scenario: outcome.scenario.title,
      contenders: outcome.standings.map(({ contender, values }) => ({
        name: contender,
        metrics: outcome.scenario.metrics.map(({ name }, index) => ({
          name,
          median: median(values[index] ?? []),
          values: values[index] ?? [],
        })),
      })),
      comparisons: compare(outcome),
      goals: judge(outcome).map(({ goal, reached, met }) => ({ ...goal, reached, met })),
    })),
  };
}

/** `exchanges/s ≥ 1.3 × Kea: 1.52 ×, met` */
function formatVerdict({ goal, metric, reached, met }: Verdict): string {
  const sign = metric.better ? '≤' : '≥';
  const wanted = `${goal.value.toLocaleString('en')}${goal.peer ? ` × ${goal.peer}` : ''}`;
  const figure = goal.peer ? formatRatio(reached) : format(reached, metric);
  return `${metric.name} ${sign} ${wanted}: ${figure}, ${met ? 'met' : 'not met'}`;
}

/** Empty for the contender that the others are compared with. */
function formatRatio(ratio: number | undefined): string {
  if (ratio === undefined) return '';
  return Number.isFinite(ratio) ? `${ratio.toFixed(ratio < 10 ? 2 : 1)} ×` : '–';
}

function spread({ values }: Standing, metric: Metric): string {
  const figures = values[0] ?? [];
  return `${format(Math.min(...figures), metric)}–${format(Math.max(...figures), metric)}`;
}

function format(value: number, { digits }: Metric): string {
  if (!Number.isFinite(value)) return '–';
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Aligned columns; after the first, `numbers` of them are aligned to the right. */
function formatColumns(rows: readonly (readonly string[])[], numbers = 0): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const pad = (cell: string, column: number) =>
    column > 0 && column <= numbers ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0);
  return `${rows.map((row) => row.map(pad).join('   ').trimEnd()).join('\n')}\n`;
}
