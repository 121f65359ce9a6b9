import type { ExecutionContext } from 'ava';
import { type Child, type RunOptions, start } from '../../src/lab/process.ts';

export { type Child, type Finished, type RunOptions, run, runChecked, start } from '../../src/lab/process.ts';

/** Starts a program for the length of a test: whatever happens, it's stopped and gone before the test ends. */
export async function startFor(
  t: ExecutionContext,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<Child> {
  const child = await start(argv, options);
  t.teardown(() => child.stop());
  return child;
}
