import { extname } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { openEpoll, openEventfd, openTimer, raise } from '../net/epoll.ts';
import { closeDescriptor } from '../net/libc.ts';
import { startThread } from '../net/thread.ts';
import {
  type FromThread,
  MAX_UNREAD,
  type ServingSettings,
  type ThreadSetup,
  type ToThread,
} from './messages.ts';

export interface ServingThreadOptions {
  readonly settings: ServingSettings;
  /** The socket for requests; it stays the caller's to close, after the thread has ended. */
  readonly socket: number;
  /** Takes the thread's messages, all of them before `ended`. */
  readonly onMessage: (message: FromThread) => void;
}

/** The thread that serves (worker.ts), seen from the thread that started it. */
export class ServingThread {
  /** Resolves when the thread serves, to true; to false when it ended before. */
  readonly started: Promise<boolean>;
  /** Resolves when the thread is no more, with the reason; undefined when it was told to stop. */
  readonly ended: Promise<Error | undefined>;
  readonly #worker: Worker;
  readonly #wakeUp: number;

  /** Starts the thread. Throws SystemCallError when the system gives it no descriptors. */
  constructor({ settings, socket, onMessage }: ServingThreadOptions) {
    const [epoll, wakeUp, timer] = openAll(openEpoll, openEventfd, openTimer);
    this.#wakeUp = wakeUp;
    const unread = new SharedArrayBuffer(4);
    const setup: ThreadSetup = { settings, socket, epoll, wakeUp, timer, unread };
    this.#worker = startThread(new URL(`./worker${extname(import.meta.url)}`, import.meta.url), setup);

    const counter = new Int32Array(unread);
    this.#worker.on('message', (message: FromThread) => {
      if (Atomics.sub(counter, 0, 1) === MAX_UNREAD) raise(this.#wakeUp);
      onMessage(message);
    });
    this.ended = new Promise((resolve) => {
      let failure: Error | undefined;
      this.#worker.on('error', (error) => {
        failure = error;
      });
      this.#worker.on('exit', (code) => {
        for (const fd of [epoll, wakeUp, timer]) closeDescriptor(fd);
        resolve(code === 0 ? undefined : (failure ?? new Error(`the thread ended with code ${code}`)));
      });
    });
    this.started = new Promise((resolve) => {
      this.#worker.once('message', () => resolve(true));
      void this.ended.then(() => resolve(false));
    });
  }

  /** Sends the thread a message and wakes it. Not to be called after it has ended. */
  send(message: ToThread): void {
    this.#worker.postMessage(message);
    raise(this.#wakeUp);
  }
}

/** Opens several descriptors, or none when one can't be had. */
function openAll<Openers extends (() => number)[]>(
  ...openers: Openers
): { [Index in keyof Openers]: number } {
  const opened: number[] = [];
  try {
    for (const open of openers) opened.push(open());
  } catch (error) {
    for (const fd of opened) closeDescriptor(fd);
    throw error;
  }
  return opened as { [Index in keyof Openers]: number };
}
