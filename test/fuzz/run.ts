import { startThread } from '../../src/net/thread.ts';
import { errorText } from './fuzzer.ts';
import type { Finding, FuzzSummary } from './target.ts';

/** What the thread (worker.ts) is started with. */
export interface WorkerTask {
  readonly name: string;
  readonly seed: number;
  readonly milliseconds: number;
  /** Inputs to run even when the time is up before. */
  readonly leastInputs: number;
  readonly watched: Watched;
}

/** The input that runs, in memory that both threads see. */
export interface Watched {
  /** Two Int32: how many inputs were begun, and the length of this one. */
  readonly head: SharedArrayBuffer;
  readonly bytes: SharedArrayBuffer;
}

/** How a target is fuzzed, and for how long. */
export interface FuzzTime {
  readonly seed: number;
  readonly milliseconds: number;
  /** Inputs to run even when the time is up before; none unless given. */
  readonly leastInputs?: number;
}

/** What the thread tells. */
export type FromWorker =
  | { readonly type: 'finding'; readonly finding: Finding }
  | { readonly type: 'done'; readonly summary: FuzzSummary };

/** Bytes of an input that can be seen from the other thread; no target's inputs are longer. */
const MAX_INPUT = 64 * 1024;
/** An input that runs for as long as this doesn't end by itself, milliseconds. */
const HANGS = 30_000;
const LOOK_EVERY = 1_000;

/**
 * Fuzzes a target for some time in a thread of its own. An input that never ends, or that ends the thread, is a finding too,
 * and the last of its run.
 */
export function fuzzInThread(
  name: string,
  { seed, milliseconds, leastInputs = 0 }: FuzzTime,
  onFinding: (finding: Finding) => void = () => {},
): Promise<FuzzSummary> {
  const watched: Watched = {
    head: new SharedArrayBuffer(8),
    bytes: new SharedArrayBuffer(MAX_INPUT),
  };
  const task: WorkerTask = { name, seed, milliseconds, leastInputs, watched };
  const worker = startThread(new URL('./worker.ts', import.meta.url), task);
  const words = new Int32Array(watched.head);
  const found: Finding[] = [];
  const began = performance.now();
  return new Promise((resolve) => {
    const collect = (finding: Finding) => {
      found.push(finding);
      onFinding(finding);
    };
    const finish = (summary: FuzzSummary) => {
      clearInterval(dog);
      resolve(summary);
    };
    /** Ends the run because of the input that ran last. */
    const breakOff = (error: string) => {
      const input = Uint8Array.from(new Uint8Array(watched.bytes).subarray(0, words[1]));
      collect({ target: name, seed, input, error });
      const milliseconds = performance.now() - began;
      const nothing = { reachedBySeeds: 0, reached: 0, kept: 0, outcomes: {} };
      finish({ target: name, executions: words[0] ?? 0, milliseconds, ...nothing, findings: found });
    };
    const dog = watchdog(words, () => {
      void worker.terminate();
      breakOff(`doesn't end within ${HANGS / 1_000} s`);
    });
    worker.on('message', (message: FromWorker) => {
      if (message.type === 'finding') collect(message.finding);
      else finish(message.summary);
    });
    worker.once('error', (error) => breakOff(`ends the thread: ${errorText(error)}`));
    worker.once('exit', () => clearInterval(dog));
  });
}

/** Calls `bark` when the count of inputs stands still; it doesn't while the target is loaded. */
function watchdog(words: Int32Array, bark: () => void): NodeJS.Timeout {
  let last = 0;
  let since = performance.now();
  return setInterval(() => {
    const count = words[0] ?? 0;
    if (count === 0 || count !== last) since = performance.now();
    last = count;
    if (performance.now() - since >= HANGS) bark();
  }, LOOK_EVERY);
}
