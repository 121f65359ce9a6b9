import { parentPort, workerData } from 'node:worker_threads';
import type { CheckTask } from './check-thread.ts';
import { checkFolder } from './load.ts';

if (!parentPort) throw new Error('this module runs in a worker thread');
const { directory, folder } = workerData as CheckTask;
parentPort.postMessage(checkFolder(directory, folder));
