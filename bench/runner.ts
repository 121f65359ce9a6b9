import { rm } from 'node:fs/promises';
import { lastLines } from '../src/lab/service.ts';
import type { Benchmark, Contender, Scenario } from './benchmark.ts';
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
  readonly goals: ReadonlyMap<string, number>;
  /** Rackseed first. */
  readonly standings: readonly Standing[];
}

export interface RunOptions {
  readonly rig: Rig;
  readonly rounds: number;
  readonly quick: boolean;
  readonly signal: AbortSignal;
  /** Told of every measurement, for people who wait. */
  readonly onProgress: (text: string) => void;
}

/**
 * Measures every contender once in each round, one after the other, so that whatever else the machine does falls on
 * all alike. Every turn begins with a new process.
 */
export async function runBenchmark(benchmark: Benchmark, options: RunOptions): Promise<Outcome[]> {
  const { rig, rounds, quick, onProgress } = options;
  await rig.writeFiles(benchmark.files(quick));
  const turns = new Map<Contender, Turn[]>(benchmark.contenders.map((contender) => [contender, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const [contender, before] of turns) {
      onProgress(`${benchmark.name}, round ${round} of ${rounds}: ${contender.name}`);
      before.push(await takeTurn(benchmark, contender, before.at(-1), options));
    }
  }
  return benchmark.scenarios.map((scenario, index) => ({
    benchmark: benchmark.name,
    scenario,
    goals: benchmark.goals,
    standings: [...turns].map(([{ name }, taken]) => ({
      contender: name,
      values: scenario.metrics.map((_, metric) => taken.map((turn) => turn[index]?.[metric] ?? Number.NaN)),
    })),
  }));
}

/** By scenario, the value of each metric. */
type Turn = readonly (readonly number[])[];

async function takeTurn(
  benchmark: Benchmark,
  contender: Contender,
  before: Turn | undefined,
  { rig, quick, signal, onProgress }: RunOptions,
): Promise<Turn> {
  signal.throwIfAborted();
  const site = await rig.site(signal);
  const server = await contender.start(site);
  try {
    const turn: (readonly number[])[] = [];
    for (const [index, scenario] of benchmark.scenarios.entries()) {
      const trial = {
        clients: rig.clients,
        address: rig.serverAddress,
        pid: server.pid,
        previous: before?.[index]?.[0],
        quick,
        signal,
      };
      const values = await scenario.measure(trial);
      const [metric] = scenario.metrics;
      onProgress(`  ${scenario.title}: ${values[0]?.toFixed(metric.digits)} ${metric.name}`);
      turn.push(values);
    }
    return turn;
  } catch (error) {
    if (signal.aborted) throw error;
    const said = lastLines(server.output(), 10);
    throw new Error(`${contender.name}: ${(error as Error).message}\nThe server's last words:\n${said}`);
  } finally {
    await server.stop();
    await rm(site.scratch, { recursive: true });
  }
}
