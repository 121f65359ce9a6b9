import { chmod, mkdir, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createNamespace, isAlive, type Namespace, removeStaleNamespaces } from '../src/lab/namespace.ts';
import type { RemoteNetwork, Site } from './benchmark.ts';

/** Two network namespaces joined by a cable, and a temporary folder. */
export interface Rig {
  /** Writes files of random bytes into the folder that servers serve; what was there before goes. */
  writeFiles(files: ReadonlyMap<string, number>): Promise<void>;
  /** A place for one start of a server, with an empty scratch folder. */
  site(signal: AbortSignal): Promise<Site>;
  /** Ends whatever still runs in the namespaces; takes everything away. */
  remove(): Promise<void>;
}

const PREFIX = 'rackseed-bench-';
const SERVER = '10.77.255.254';
/** perfdhcp plays a relay agent with this address. */
export const CLIENTS = '10.77.255.1';
const RANGE = { first: '10.77.0.1', last: '10.77.250.250' };
const REMOTE: RemoteNetwork = {
  subnet: '10.78.0.0/16',
  netmask: '255.255.0.0',
  router: '10.78.255.1',
  range: { first: '10.78.0.1', last: '10.78.250.250' },
};
const MIB = 1024 * 1024;
/** One folder for the rigs of all runs, each named after its process. */
const RIGS = join(tmpdir(), 'rackseed-bench');

/** Builds the rig, after what an earlier run that was killed may have left is gone. Needs root. */
export async function createRig(): Promise<Rig> {
  await removeStaleNamespaces(PREFIX);
  await removeStaleFolders();
  const folder = join(RIGS, `${process.pid}`);
  const made: Namespace[] = [];
  const remove = async () => {
    for (const namespace of made.splice(0).reverse()) await namespace.remove();
    await rm(folder, { recursive: true, force: true });
  };
  const make = async (end: string) => {
    const namespace = await createNamespace(`${PREFIX}${process.pid}-${end}`);
    made.push(namespace);
    return namespace;
  };
  try {
    await mkdir(folder, { recursive: true });
    // Servers that drop their privileges read the files too.
    for (const path of [RIGS, folder]) await chmod(path, 0o755);
    const server = await make('server');
    const clients = await make('clients');
    await server.ip(
      `link add server type veth peer name clients netns ${clients.name}`,
      `address add ${SERVER}/16 brd + dev server`,
      'link set server up',
      `route add ${REMOTE.subnet} via ${CLIENTS}`,
    );
    await clients.ip(
      `address add ${CLIENTS}/16 brd + dev clients`,
      'link set clients up',
      `route add local ${REMOTE.subnet} dev lo`,
    );
    const files = join(folder, 'files');
    let starts = 0;
    return {
      async writeFiles(wanted) {
        await rm(files, { recursive: true, force: true });
        await mkdir(files);
        for (const [name, size] of wanted) {
          await mkdir(dirname(join(files, name)), { recursive: true });
          await writeRandom(join(files, name), size);
        }
      },
      async site(signal) {
        starts += 1;
        const scratch = join(folder, `start-${starts}`);
        await mkdir(scratch);
        return {
          namespace: server,
          device: 'server',
          address: SERVER,
          range: RANGE,
          remote: REMOTE,
          files,
          scratch,
          clients,
          signal,
        };
      },
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Removes the folders of runs that ended without cleaning up. */
async function removeStaleFolders(): Promise<void> {
  await mkdir(RIGS, { recursive: true });
  for (const name of await readdir(RIGS)) {
    if (!isAlive(Number(name))) await rm(join(RIGS, name), { recursive: true, force: true });
  }
}

async function writeRandom(path: string, size: number): Promise<void> {
  const piece = crypto.getRandomValues(Buffer.alloc(64 * 1024));
  const bytes = Buffer.alloc(Math.min(size, MIB));
  for (let at = 0; at < bytes.length; at += piece.length) bytes.set(piece.subarray(0, bytes.length - at), at);
  await using file = await open(path, 'w', 0o644);
  for (let left = size; left > 0; left -= bytes.length)
    await file.write(bytes, 0, Math.min(left, bytes.length));
}
