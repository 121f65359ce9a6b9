import type { ExecutionContext } from 'ava';
import { connect, type End, namespaceFor } from './netns.ts';
import { runChecked, startFor } from './process.ts';

/** How bad a cable is. */
export interface Badness {
  /** Percent of the frames that are lost. */
  readonly loss: number;
  /** Percent of the frames that others overtake. */
  readonly reorder: number;
  /** The same seed loses the same frames of a sequence. */
  readonly seed: number;
}

const SCRIPT = new URL('clients/bad-cable.py', import.meta.url).pathname;
const PYTHON = '/usr/bin/python3';

/** Lays a cable like `connect`, for the length of a test, that loses frames and mixes them up in both directions. */
export async function badCable(t: ExecutionContext, a: End, b: End, { loss, reorder, seed }: Badness) {
  const middle = await namespaceFor(t);
  await connect(a, { namespace: middle, interface: 'left' });
  await connect(b, { namespace: middle, interface: 'right' });
  for (const { namespace, interface: name } of [a, b]) {
    await runChecked(namespace.command([PYTHON, SCRIPT, '--plain', name]));
  }
  const argv = [PYTHON, SCRIPT, 'left', 'right', `${loss}`, `${reorder}`, `${seed}`];
  const cable = await startFor(t, middle.command(argv));
  await cable.waitFor(/ready/);
}
