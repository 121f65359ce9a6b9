import { type FSWatcher, watch } from 'node:fs';
import { join, resolve } from 'node:path';
import { checkInThread } from './check-thread.ts';
import type { Config } from './config.ts';
import { FOLDERS, readConfigFolder } from './load.ts';
import type { Problem } from './problem.ts';

/** What to watch, and whom to tell. */
export interface WatchOptions {
  /** The configuration directory. */
  readonly directory: string;
  /** The files changed and are good. */
  readonly onChange: (config: Config) => void;
  /** The files changed and can't be used; what was in force stays in force. */
  readonly onProblems: (problems: readonly Problem[]) => void;
  /** Quiet time after the last change before the files are read, milliseconds; editors write in several steps. */
  readonly settle?: number;
}

/** A watch that goes on until it is stopped. */
export interface ConfigWatch {
  /**
   * Reads the files now, changed or not, and tells the result: for a file system that tells of no changes. Resolves when it
   * was told.
   */
  reload(): Promise<void>;
  /** Ends the watch: nothing is told any more. */
  stop(): void;
}

/**
 * Reads the configuration again whenever a file of it changes, appears or goes. Changes that leave the texts as they
 * were last read (an editor's temporary files) are told to nobody. The check of thousands of machines takes a second; it
 * runs in a thread of its own, so that packets are answered meanwhile.
 */
export function watchConfig({ directory, onChange, onProblems, settle = 100 }: WatchOptions): ConfigWatch {
  const root = resolve(directory);
  const watchers = new Map<string, FSWatcher>();
  let timer: NodeJS.Timeout | undefined;
  let last: string | undefined;
  let reloading = Promise.resolve();
  let stopped = false;

  const schedule = () => {
    clearTimeout(timer);
    timer = setTimeout(read, settle);
  };
  const read = () => {
    reloading = reloading.then(load);
    return reloading;
  };

  /** Watches the folders that exist and are not watched yet: profiles/ and machines/ may come and go. */
  const watchFolders = () => {
    for (const folder of [root, ...FOLDERS.map((name) => join(root, name))]) {
      if (watchers.has(folder)) continue;
      try {
        const watcher = watch(folder);
        const forget = () => {
          watcher.close();
          watchers.delete(folder);
        };
        watcher.on('change', schedule).on('error', forget);
        watchers.set(folder, watcher);
      } catch {
        // There is no such folder yet; the one above tells when it is made.
      }
    }
  };

  const load = async () => {
    // A folder that was removed and made again is another one to the kernel.
    for (const watcher of watchers.values()) watcher.close();
    watchers.clear();
    watchFolders();
    const folder = await readConfigFolder(root);
    const texts = JSON.stringify(folder);
    if (stopped || texts === last) return;
    last = texts;
    const result = await checkInThread(root, folder);
    if (stopped) return;
    if (result.ok) onChange(result.config);
    else onProblems(result.problems);
  };

  watchFolders();
  return {
    reload() {
      clearTimeout(timer);
      last = undefined;
      return read();
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
      for (const watcher of watchers.values()) watcher.close();
    },
  };
}
