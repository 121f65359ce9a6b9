import type { Namespace } from '../../src/lab/namespace.ts';
import { runChecked } from '../../src/lab/process.ts';

/** Bytes that have come in at the clients' end of the cable so far, headers included (proc_pid_net(5)). */
export async function receivedBytes(clients: Namespace): Promise<number> {
  const table = await runChecked(clients.command(['cat', '/proc/net/dev']));
  return Number(/^\s*clients:\s*(\d+)/m.exec(table)?.[1] ?? Number.NaN);
}
