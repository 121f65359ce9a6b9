import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { formatProblem } from '../config/problem.ts';

/** A mistake that was explained already: the command ends with status 1 and says nothing more. */
export class Explained extends Error {}

/** The configuration for a command; prints every problem and throws Explained when it can't be used. */
export async function requireConfig(directory: string): Promise<Config> {
  const result = await loadConfig(directory);
  if (result.ok) return result.config;
  for (const problem of result.problems) process.stderr.write(`${formatProblem(problem, directory)}\n`);
  throw new Explained('the configuration has problems');
}
