import { rm } from 'node:fs/promises';
import { lastLines } from '../src/lab/service.ts';
import type { Benchmark, Contender, Scenario, Setting } from './benchmark.ts';
import type { Rig } from './rig.ts';

/** What one contender reached under one load: for each metric, one value per turn. */
export interface Standing {
  readonly contender: string;
  readonly values: readonly (readonly number[])[];
}

/** All contenders under one load. */
export interface Outcome {
  readonly benchmark: string;
  readonly scenario: Scenario;
  /** Rackseed first. */
  readonly standings: readonly Standing[];
}

export interface RunOptions {
  readonly rig: Rig;
  /** Turns that each contender takes; undefined when every setting decides. */
  readonly rounds: number | undefined;
  readonly quick: boolean;
  /** Only scenarios whose title holds this, in any case of letters. */
  readonly only: string;
  readonly signal: AbortSignal;
  /** Told of every measurement, for people who wait. */
  readonly onProgress: (text: string) => void;
}

/**
 * Measures every contender once in each round, one after the other, so that whatever else the machine does falls on
 * all alike. Every turn begins with a new process.
 */
export async function runBenchmark(benchmark: Benchmark, options: RunOptions): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const setting of benchmark.settings) {
    const scenarios = chooseScenarios(setting, options);
    if (scenarios.length > 0) outcomes.push(...(await runSetting(benchmark, setting, scenarios, options)));
  }
  return outcomes;
}

/** The scenarios of a setting that are to be measured. */
export function chooseScenarios(
  { scenarios, long = false }: Setting,
  { quick, only }: Pick<RunOptions, 'quick' | 'only'>,
): Scenario[] {
  if (long && quick && only === '') return [];
  return scenarios.filter(({ title }) => title.toLowerCase().includes(only.toLowerCase()));
}

async function runSetting(
  { name }: Benchmark,
  setting: Setting,
  scenarios: readonly Scenario[],
  options: RunOptions,
): Promise<Outcome[]> {
  const { rig, quick, onProgress } = options;
  const rounds = options.rounds ?? (quick ? 1 : (setting.rounds ?? 3));
  await rig.writeFiles(setting.files?.(quick) ?? new Map());
  const turns = new Map<Contender, Turn[]>(setting.contenders.map((contender) => [contender, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const [contender, before] of turns) {
      onProgress(`${name}, round ${round} of ${rounds}: ${contender.name}`);
      before.push(await takeTurn(scenarios, contender, before.at(-1), options));
    }
  }
  return scenarios.map((scenario, index) => ({
    benchmark: name,
    scenario,
    standings: [...turns].map(([contender, taken]) => ({
      contender: contender.name,
      values: scenario.metrics.map((_, metric) => taken.map((turn) => turn[index]?.[metric] ?? Number.NaN)),
    })),
  }));
}

/** By scenario, the value of each metric. */
type Turn = readonly (readonly number[])[];

async function takeTurn(
  scenarios: readonly Scenario[],
  contender: Contender,
  before: Turn | undefined,
  { rig, quick, signal, onProgress }: RunOptions,
): Promise<Turn> {
  signal.throwIfAborted();
  const site = await rig.site(signal);
  try {
    const server = await contender.start(site);
    try {
      const turn: (readonly number[])[] = [];
      for (const [index, scenario] of scenarios.entries()) {
        const { clients, address } = site;
        const previous = before?.[index]?.[0];
        const values = await scenario.measure({ clients, address, server, site, previous, quick, signal });
        onProgress(`  ${scenario.title}: ${describe(scenario, values)}`);
        turn.push(values);
      }
      return turn;
    } catch (error) {
      if (signal.aborted) throw error;
      const said = lastLines(server.output(), 10);
      throw new Error(`${contender.name}: ${(error as Error).message}\nThe server's last words:\n${said}`);
    } finally {
      await server.stop();
    }
  } finally {
    await rm(site.scratch, { recursive: true });
  }
}

function describe({ metrics: [metric] }: Scenario, [value]: readonly number[]): string {
  return `${value?.toFixed(metric.digits)} ${metric.name}`;
}
