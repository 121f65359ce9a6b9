import { parentPort, workerData } from 'node:worker_threads';
import { Coverage } from './coverage.ts';
import { fuzz } from './fuzzer.ts';
import type { FromWorker, Watched, WorkerTask } from './run.ts';
import { loadTarget } from './targets.ts';

// The thread in which a target runs: whoever started it can see which input runs, and end it when that doesn't end.
void run(workerData as WorkerTask);

async function run({ name, seed, milliseconds, leastInputs, watched }: WorkerTask): Promise<void> {
  const target = loadTarget(name);
  const tell = (message: FromWorker) => parentPort?.postMessage(message);
  const end = performance.now() + milliseconds;
  const coverage = new Coverage();
  const summary = await fuzz(target, {
    seed,
    coverage,
    isOver: (executions) => performance.now() >= end && executions >= leastInputs,
    watch: watcher(watched),
    onFinding: (finding) => tell({ type: 'finding', finding }),
  });
  coverage.stop();
  tell({ type: 'done', summary });
}

/** Shows every input to the thread that waits, before it runs. */
function watcher({ head, bytes }: Watched): (input: Uint8Array) => void {
  const words = new Int32Array(head);
  const memory = new Uint8Array(bytes);
  return (input) => {
    memory.set(input.subarray(0, memory.length));
    words[1] = input.length;
    words[0] = (words[0] ?? 0) + 1;
  };
}
