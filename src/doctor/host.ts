import { statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { dirname } from 'node:path';
import { FIRST_YEAR } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

const MIB = 2 ** 20;
/** Bytes free below which the store will soon refuse to write, and below which it is time to look. */
const SPACE = { fail: 64 * MIB, warn: 512 * MIB };
/** The part of all memory that images may take before the host begins to swap. */
const MEMORY_SHARE = 0.75;

/** Whether the store has room. */
export async function checkSpace({ store }: Pick<Config, 'store'>): Promise<Finding> {
  const subject = `space for ${store.directory}`;
  const facts = await nearestFileSystem(store.directory).catch((error: Error) => error);
  if (facts instanceof Error) return fail(subject, facts.message, 'mend store.lmdb in rackseed.yaml');
  const free = facts.bavail * facts.bsize;
  const found = `${Math.floor(free / MIB)} MiB free`;
  const advice = 'make room: a lease that can not be written down is not given';
  if (free < SPACE.fail) return fail(subject, found, advice);
  return free < SPACE.warn ? warn(subject, found, advice) : ok(subject, found);
}

/** The file system that a folder is on, or will be on when it's made. */
async function nearestFileSystem(path: string): Promise<{ readonly bavail: number; readonly bsize: number }> {
  try {
    return await statfs(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw error;
    return nearestFileSystem(dirname(path));
  }
}

/** Whether the host has the memory that images may take; `total` in bytes. */
export function checkMemory({ assets }: Pick<Config, 'assets'>, total = totalmem()): Finding {
  const subject = 'memory for images';
  const found = `assets.memory is ${Math.round(assets.memory / MIB)} MiB of ${Math.round(total / MIB)} MiB`;
  if (assets.memory <= total * MEMORY_SHARE) return ok(subject, found);
  const most = Math.floor((total * MEMORY_SHARE) / MIB);
  return warn(subject, found, `set assets.memory to at most ${most}MiB: a host that swaps serves slowly`);
}

/** Whether the clock can be right by itself; `now` in milliseconds since the epoch. */
export function checkYear(now: number): Finding {
  const date = new Date(now).toISOString();
  if (new Date(now).getUTCFullYear() >= FIRST_YEAR) return ok('clock', date);
  const advice = 'set it (timedatectl set-ntp true): certificates for machines would not be good yet';
  return fail('clock', `it says ${date}`, advice);
}
