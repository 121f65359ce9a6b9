import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

/** Starts a module of this program in a thread of its own; it finds `data`, a copy, as its `workerData`. */
export function startThread(module: URL, data: unknown): Worker {
  if (extname(module.pathname) !== '.ts') return new Worker(module, { workerData: data });
  // The program runs from its sources: with Node 20, the tsx of one thread doesn't make TypeScript known to another.
  const tsx = createRequire(import.meta.url).resolve('tsx/cjs/api');
  const path = fileURLToPath(module);
  const code = `require(${JSON.stringify(tsx)}).register(); require(${JSON.stringify(path)});`;
  return new Worker(code, { eval: true, workerData: data, execArgv: [] });
}
