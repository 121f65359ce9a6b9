import { extname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ApiClient } from '../api-client/client.ts';
import { localEndpoint } from '../api-client/endpoint.ts';
import type { Namespace } from './namespace.ts';
import { type Child, start } from './process.ts';

const READY_TIMEOUT = 30_000;

/**
 * Starts `rackseed serve` as a process of its own inside the namespace and waits until it is ready for machines.
 * @param config its configuration folder
 * @param adminSocket the unix socket of its admin app; a process in another network namespace can be reached by it
 * @param program the program's command line; as this process runs unless given
 * @param options more for its command line
 * @throws with the service's last lines when it ends, or isn't ready within 30 s
 */
export async function startService(
  namespace: Namespace,
  config: string,
  adminSocket: string,
  program: readonly string[] = thisProgram(),
  options: readonly string[] = [],
): Promise<Child> {
  const serve = ['serve', '--config', config, ...options];
  const service = await start(namespace.command([...program, ...serve]));
  let ended = false;
  void service.exited.then(() => {
    ended = true;
  });
  const deadline = Date.now() + READY_TIMEOUT;
  const api = new ApiClient(localEndpoint({ path: adminSocket }));
  while (!(await api.isReady())) {
    if (ended || Date.now() > deadline) {
      const problem = ended ? 'ended before it was ready' : `was not ready within ${READY_TIMEOUT / 1000} s`;
      await service.stop();
      throw new Error(`the service ${problem}. It said:\n${lastLines(service.output(), 20)}`);
    }
    await pause(50);
  }
  return service;
}

/** dist/main.js by Node.js, or src/main.ts by Node.js with tsx. */
function thisProgram(): string[] {
  const main = fileURLToPath(new URL(`../main${extname(import.meta.url)}`, import.meta.url));
  return [process.execPath, ...process.execArgv, main];
}

/** The last `count` lines of a text. */
export function lastLines(text: string, count: number): string {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}
