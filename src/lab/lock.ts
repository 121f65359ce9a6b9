import { start } from './process.ts';

/** Longest wait for somebody else's lock, milliseconds. */
const PATIENCE = 600_000;

/**
 * Does `action` while nobody else on this machine holds the lock. The lock is flock(1)'s, held by a process that the kernel
 * ends together with this one, so none is ever left behind.
 * @param file is made when there is none, and stays
 */
export async function withLock<Result>(file: string, action: () => Promise<Result>): Promise<Result> {
  const hold = ['sh', '-c', 'echo locked && exec sleep infinity'];
  const holder = await start(['flock', '--no-fork', file, ...hold]);
  try {
    await holder.waitFor(/locked/, PATIENCE);
    return await action();
  } finally {
    await holder.stop();
  }
}
