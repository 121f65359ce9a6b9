import { createRequire } from 'node:module';
import type { FuzzTarget } from './target.ts';

/** Everything that is fuzzed: what reads bytes that others send or wrote. Each is a module in targets/. */
export const TARGET_NAMES = [
  'dhcp-packet',
  'dhcp-options',
  'dhcp-server',
  'dhcp-proxy',
  'lease-records',
  'tftp-packet',
  'tftp-server',
  'syslog',
  'capture',
  'neighbours',
  'http-text',
  'http-server',
  'config',
] as const;

export type TargetName = (typeof TARGET_NAMES)[number];

/** What each of these modules exports. */
interface TargetModule {
  readonly target: FuzzTarget;
}

/**
 * Loads a target, and no other: the more code is loaded, the longer a look at the coverage takes. Throws an Error that names
 * those there are when there is none of this name.
 */
export function loadTarget(name: string): FuzzTarget {
  const known = TARGET_NAMES.find((one) => one === name);
  if (!known) throw new Error(`there is no target ${name}: it is one of ${TARGET_NAMES.join(', ')}`);
  // In a thread, tsx makes TypeScript known to `require` only.
  const { target } = createRequire(import.meta.url)(`./targets/${known}.ts`) as TargetModule;
  return target;
}
