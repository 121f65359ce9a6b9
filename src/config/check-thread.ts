import { extname } from 'node:path';
import { startThread } from '../net/thread.ts';
import type { ConfigResult } from './check.ts';
import { type ConfigFolder, checkFolder } from './load.ts';

/** What the thread (check-worker.ts) gets. */
export interface CheckTask {
  readonly directory: string;
  readonly folder: ConfigFolder;
}

/**
 * Does what `checkFolder` does in a thread of its own, so that this one goes on with its work; the thread ends with it. Where
 * no thread can be had, it is done here. A process that has nothing else to do doesn't wait for it.
 */
export async function checkInThread(directory: string, folder: ConfigFolder): Promise<ConfigResult> {
  const task: CheckTask = { directory, folder };
  const module = new URL(`./check-worker${extname(import.meta.url)}`, import.meta.url);
  const result = await new Promise<ConfigResult | undefined>((resolve) => {
    const thread = startThread(module, task);
    thread.once('message', resolve);
    thread.once('error', () => resolve(undefined));
    thread.once('exit', () => resolve(undefined));
    thread.unref();
  });
  return result ?? checkFolder(directory, folder);
}
