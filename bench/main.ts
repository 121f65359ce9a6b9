import { setMaxListeners } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { Argument, Command, InvalidArgumentError } from 'commander';
import type { Benchmark } from './benchmark.ts';
import { boot } from './benchmarks/boot.ts';
import { dhcp } from './benchmarks/dhcp.ts';
import { documents } from './benchmarks/documents.ts';
import { http } from './benchmarks/http.ts';
import { startUp } from './benchmarks/start.ts';
import { storm } from './benchmarks/storm.ts';
import { tftp } from './benchmarks/tftp.ts';
import { gatherFacts } from './facts.ts';
import { formatFacts, formatOutcome, toJson } from './report.ts';
import { checkRequirements } from './requirements.ts';
import { createRig } from './rig.ts';
import { chooseScenarios, type Outcome, runBenchmark } from './runner.ts';

const BENCHMARKS: readonly Benchmark[] = [dhcp, tftp, http, documents, storm, boot, startUp];

interface Options {
  readonly quick: boolean;
  readonly rounds?: number;
  readonly scenario?: string;
  readonly json?: string;
}

/** Measures what was asked for and prints it; every benchmark's tables come as soon as it is finished. */
async function bench(
  names: readonly string[],
  { quick, rounds, scenario: only = '', json }: Options,
): Promise<void> {
  const chosen = BENCHMARKS.filter(({ name }) => names.length === 0 || names.includes(name));
  checkRequirements(chosen);
  const wanted = chosen
    .flatMap(({ settings }) => settings)
    .flatMap((setting) => chooseScenarios(setting, { quick, only }));
  if (wanted.length === 0) throw new Error(`no scenario has "${only}" in its title`);
  const interruption = interruptible();
  const { signal } = interruption;
  const facts = await gatherFacts(new Set(chosen.flatMap(({ programs }) => [...programs.keys()])));
  if (quick) facts.push(['quick run', 'less load than the titles say, one turn each: rough figures']);
  process.stdout.write(`${formatFacts(facts)}\n`);
  const outcomes: Outcome[] = [];
  const rig = await createRig();
  try {
    const onProgress = (text: string) => void process.stderr.write(`${text}\n`);
    for (const benchmark of chosen) {
      const found = await runBenchmark(benchmark, { rig, rounds, quick, only, signal, onProgress });
      process.stdout.write(found.map((outcome) => `\n${formatOutcome(outcome)}`).join(''));
      if (benchmark.note && found.length > 0) process.stdout.write(`\n${benchmark.note}\n`);
      outcomes.push(...found);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    process.stderr.write('interrupted\n');
    process.exitCode = 130;
    return;
  } finally {
    await rig.remove();
    interruption.end();
    // What was measured before something failed is good all the same.
    if (json !== undefined) await writeFile(json, `${JSON.stringify(toJson(facts, outcomes), null, 2)}\n`);
  }
}

function parseRounds(text: string): number {
  const rounds = Number(text);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new InvalidArgumentError('It is a whole number from 1 on.');
  return rounds;
}

/** A signal that is aborted at the first Ctrl-C; the second ends the process at once. */
function interruptible(): { readonly signal: AbortSignal; readonly end: () => void } {
  const controller = new AbortController();
  // Every client that runs listens to it.
  setMaxListeners(0, controller.signal);
  const end = () => {
    process.removeListener('SIGINT', abort);
    process.removeListener('SIGTERM', abort);
  };
  const abort = () => {
    end();
    controller.abort();
  };
  process.on('SIGINT', abort);
  process.on('SIGTERM', abort);
  return { signal: controller.signal, end };
}

const program = new Command('npm run bench --')
  .description(
    `Measures rackseed beside its peers on this machine: they run in turns in one network namespace, under the same load from another. Prints the medians and rackseed's ratio to each peer. Takes about an hour.`,
  )
  .addArgument(
    new Argument('[names...]', 'what to measure, everything unless given').choices(
      BENCHMARKS.map(({ name }) => name),
    ),
  )
  .option('--quick', 'one turn each and less load: rough figures', false)
  .option('--rounds <number>', 'turns that each takes (default: 3, 5 of boot; 1 with --quick)', parseRounds)
  .option('--scenario <text>', 'only scenarios with this text in their title')
  .option('--json <file>', 'also write every figure to this file')
  .addHelpText(
    'after',
    `\nBenchmarks:\n${BENCHMARKS.map(({ name, summary }) => `  ${name.padEnd(9)} ${summary}`).join('\n')}

Goals are printed below the tables; missing one is no error. Figures are only good while nothing else runs.`,
  )
  .action(bench);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`bench: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
