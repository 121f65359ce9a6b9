import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type Finished, run } from './process.ts';

/** A place where a node's scripts run as on a machine: with /run and /opt of its own and without a
 * network; what it changes in /etc is its own too. */
export interface Sandbox {
  /** A folder of this system that the scripts see too. */
  readonly folder: string;
  /** Runs a bash script, whatever it gives back. */
  run(script: string, options?: { readonly network?: boolean }): Promise<Finished>;
}

/**
 * Makes a sandbox that is gone when the test ends.
 * @param stubs programs that stand in for those of the system, by name: bash scripts
 */
export async function sandboxFor(
  t: ExecutionContext,
  stubs: Readonly<Record<string, string>> = {},
): Promise<Sandbox> {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-sandbox-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  for (const [name, script] of Object.entries(stubs)) {
    await writeExecutable(join(folder, 'stubs', name), `#!/bin/bash\n${script}\n`);
  }
  const own = join(folder, 'own');
  // What a script writes, the next one finds.
  const mounts = `
    mkdir -p ${own}/{run,opt,etc,work}
    mount --bind ${own}/run /run
    mount --bind ${own}/opt /opt
    mount -t overlay overlay -o lowerdir=/etc,upperdir=${own}/etc,workdir=${own}/work /etc`;
  return {
    folder,
    run: (script, { network = false } = {}) =>
      run([
        'unshare',
        '--mount',
        ...(network ? [] : ['--net']),
        'bash',
        '-c',
        `set -e${mounts}\nset +e\nexport PATH=${folder}/stubs:$PATH\n${script}`,
      ]),
  };
}

export async function writeExecutable(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  await chmod(path, 0o755);
}
