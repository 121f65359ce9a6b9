import type { Profile } from '../config/config.ts';
import { documentOf } from '../config/document-format.ts';
import type { Boot } from './machine.ts';
import { hasReached, hasReported } from './timeline.ts';

/** What a boot with a profile asks for and tells, as far as it is seen here. */
export interface Expectations {
  /** False when the machine leaves the network with its script and boots from its disk. */
  readonly image: boolean;
  readonly initrd: boolean;
  /** Its document's format: `ignition`. */
  readonly document?: string;
  /** The last stage that its units report. */
  readonly report?: 'disk' | 'up';
}

/** What to expect of a machine that boots a profile. */
export function expectationsOf(profile: Profile): Expectations {
  const { boot, kubernetes, dockerDisk } = profile;
  const document = documentOf(profile);
  const report = kubernetes ? 'up' : dockerDisk ? 'disk' : undefined;
  return {
    image: boot.kind === 'image',
    initrd: boot.kind === 'image' && boot.initrds.length > 0,
    ...(document !== undefined && { document }),
    ...(document !== undefined && report !== undefined && { report }),
  };
}

/** True when a boot has got all that is to be had here. */
export function hasEverything(boot: Boot, { image, initrd, document }: Expectations): boolean {
  if (!image) return boot.profile !== undefined;
  if (document !== undefined) return hasReached(boot, 'document');
  return hasReached(boot, initrd ? 'initrd' : 'kernel');
}

const END = ['up', 'registered', 'ready'] as const;

/** True when nothing more is to be told of a boot but how its node fares in the cluster. */
export function isRunning(boot: Boot, expected: Expectations): boolean {
  if (END.some((stage) => hasReached(boot, stage))) return true;
  if (expected.report === 'disk') return hasReported(boot, 'disk');
  return expected.report === undefined && hasEverything(boot, expected);
}
