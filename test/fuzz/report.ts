import type { Finding, FuzzSummary } from './target.ts';

/** One line about a run, with its reach. */
export function summaryLine(summary: FuzzSummary): string {
  const { target, executions, milliseconds, reachedBySeeds, reached, kept, outcomes, findings } = summary;
  const perSecond = Math.round((executions * 1_000) / Math.max(1, milliseconds));
  const reach = `${reached} characters of code (${reachedBySeeds} by the seeds)`;
  return (
    `${target.padEnd(14)} ${String(executions).padStart(10)} inputs  ${String(perSecond).padStart(6)}/s  ` +
    `${reach}  ${kept} kept  ${Object.keys(outcomes).length} outcomes  ${findings.length} findings`
  );
}

/** A finding with the command that repeats it. */
export function findingText({ target, seed, input, error }: Finding): string {
  const hex = Buffer.from(input).toString('hex');
  return [
    `${target}: ${error}`,
    `  seed   ${seed}`,
    `  input  ${hex === '' ? '(empty)' : hex}`,
    `  again  npm run fuzz -- --target ${target} --input ${hex === '' ? "''" : hex}`,
  ].join('\n');
}
