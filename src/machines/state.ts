import { type Expectations, isRunning } from './expectations.ts';
import type { Boot, MachineState } from './machine.ts';
import { hasReached } from './timeline.ts';

/** What a machine's state follows from. */
export interface StateFacts {
  readonly admission: 'boot' | 'hold' | 'ignore';
  /** What somebody has decided against it. */
  readonly verdict?: 'refused' | 'retired' | undefined;
  /** The boot going on, or the last one. */
  readonly boot: Boot | undefined;
  /** Absent for a machine that may not boot. */
  readonly expected?: Expectations | undefined;
  readonly isStuck: boolean;
}

/** Where a machine stands. */
export function stateOf({ admission, verdict, boot, expected, isStuck }: StateFacts): MachineState {
  if (admission !== 'boot') return verdict ?? 'discovered';
  if (isStuck) return 'stuck';
  if (!boot) return 'approved';
  if (hasReached(boot, 'ready')) return 'ready';
  if (hasReached(boot, 'registered')) return 'registered';
  if (expected && isRunning(boot, expected)) return 'running';
  // A script without a profile was that of a machine that waits: it goes on with its next one.
  return boot.profile === undefined && hasReached(boot, 'script') ? 'approved' : 'booting';
}
