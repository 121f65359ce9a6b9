import { parseArgs } from 'node:util';
import { errorText, failureOf } from './fuzzer.ts';
import { findingText, summaryLine } from './report.ts';
import { fuzzInThread } from './run.ts';
import { loadTarget, TARGET_NAMES } from './targets.ts';

const USAGE = `npm run fuzz -- [--seconds 60] [--target NAME]… [--seed N]   fuzz the parsers, all targets in turn
npm run fuzz -- --target NAME --input HEX                    run one input again
npm run fuzz -- --list                                       name the targets`;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    target: { type: 'string', multiple: true, default: [] },
    seed: { type: 'string' },
    input: { type: 'string' },
    list: { type: 'boolean', default: false },
    outcomes: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) console.log(USAGE);
else if (values.list) await list();
else if (values.input !== undefined) process.exitCode = await repeat(values.input);
else process.exitCode = await fuzzAll(values.target.length === 0 ? TARGET_NAMES : values.target);

/** Runs one input; gives the exit status. */
async function repeat(hex: string): Promise<number> {
  const [name, ...others] = values.target;
  if (name === undefined || others.length > 0) throw new Error('say which target: --target NAME');
  const failure = await failureOf(loadTarget(name), Buffer.from(hex, 'hex'));
  console.log(failure === undefined ? 'every property holds' : errorText(failure));
  return failure === undefined ? 0 : 1;
}

/** Says what each target is. */
async function list(): Promise<void> {
  for (const name of TARGET_NAMES) console.log(`${name.padEnd(14)} ${loadTarget(name).about}`);
}

/** Fuzzes the targets, each for the same part of the time; gives the exit status. */
async function fuzzAll(names: readonly string[]): Promise<number> {
  const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
  const milliseconds = (Number(values.seconds) * 1_000) / names.length;
  if (!(milliseconds > 0) || !Number.isInteger(seed)) throw new Error(USAGE);
  console.log(`seed ${seed}`);
  let findings = 0;
  for (const name of names) {
    const summary = await fuzzInThread(name, { seed, milliseconds }, (found) =>
      console.log(findingText(found)),
    );
    findings += summary.findings.length;
    console.log(summaryLine(summary));
    if (values.outcomes) console.log(summary.outcomes);
  }
  return findings === 0 ? 0 : 1;
}
