import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { eventually } from './cluster.ts';
import { type Finished, run, startFor } from './process.ts';

/** A client of one containerd. */
export type Ctr = (...words: readonly string[]) => Promise<Finished>;

/** The socket of the containerd that `containerdFor` starts in a folder. */
export function containerdSocket(folder: string): string {
  return join(folder, 'containerd.sock');
}

/**
 * Starts containerd for the length of a test, with all that it has in `folder`, and gives its client.
 * @param within the command that runs another one where both are to run
 */
export async function containerdFor(
  t: ExecutionContext,
  folder: string,
  within: (argv: readonly string[]) => readonly string[] = (argv) => argv,
): Promise<Ctr> {
  const file = join(folder, 'containerd.toml');
  const socket = containerdSocket(folder);
  await writeFile(
    file,
    `version = 2
root = "${join(folder, 'containerd')}"
state = "${join(folder, 'state')}"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "${socket}"
[ttrpc]
address = "${socket}.ttrpc"
`,
  );
  await startFor(t, within(['containerd', '--config', file]));
  const ctr: Ctr = (...words) => run(within(['ctr', '--address', socket, ...words]));
  await eventually(async () => (await ctr('version')).code === 0);
  return ctr;
}
