import { existsSync } from 'node:fs';
import { chown, mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { countLeases, LEASE_LOG, type LeaseBooks } from './lease-log.ts';
import { storeVersion } from './version.ts';

/** The file that holds a store, in its folder; the other one there, lock.mdb, tells processes of each other. */
export const DATA = 'data.mdb';
export const LOCK = 'lock.mdb';

/** What is in a store. */
export interface StoreSummary {
  readonly version: number;
  readonly machines: number;
  readonly leases: number;
  readonly decisions: number;
  readonly apiTokens: number;
}

/** True for a store in which nothing is written down that somebody would miss; a journal alone is nothing. */
export function isEmptyStore({ machines, leases, decisions, apiTokens }: StoreSummary): boolean {
  return machines + leases + decisions + apiTokens === 0;
}

/** What is in the store of `directory`, whether a service has it open or not; undefined when there is none. Rejects when it can't be read. */
export async function inspectStore(directory: string): Promise<StoreSummary | undefined> {
  if (!existsSync(join(directory, DATA))) return undefined;
  return withStore(directory, async (root) => summarize(root));
}

/**
 * Copies the store of `directory` into the empty folder `target` as it is at one moment: everything that was committed
 * before. A service may go on writing meanwhile: to LMDB this is one more reader, and readers wait for nobody.
 * Gives what the copy holds. Rejects with an Error that names the folder.
 */
export async function copyStore(directory: string, target: string): Promise<StoreSummary> {
  if (!existsSync(join(directory, DATA)))
    throw new Error(
      `there is no store in ${directory}: either no service has run yet, or store.lmdb is another`,
    );
  await mkdir(target, { recursive: true, mode: 0o700 });
  await withStore(directory, (root) => root.backup(target, true));
  return withStore(target, async (root) => summarize(root));
}

/** Opens a store for reading. */
async function withStore<Result>(
  directory: string,
  use: (root: RootDatabase) => Promise<Result>,
): Promise<Result> {
  let root: RootDatabase | undefined;
  try {
    root = open({ path: directory, readOnly: true, maxDbs: 32 });
    // Root may have made the lock just now, and the service, which isn't root, must be able to write to it.
    const { uid, gid } = await stat(join(directory, DATA));
    if (process.getuid?.() === 0) await chown(join(directory, LOCK), uid, gid);
    return await use(root);
  } catch (error) {
    throw new Error(`the store in ${directory} can't be read: ${(error as Error).message}`);
  } finally {
    await root?.close();
  }
}

function summarize(root: RootDatabase): StoreSummary {
  // A store that is open for reading only has no database that nothing was ever written to.
  const count = (name: string) =>
    (root.openDB({ name }) as ReturnType<typeof root.openDB> | undefined)?.getCount() ?? 0;
  const leases: LeaseBooks['leases'] | undefined = root.openDB({ name: 'leases' });
  const log: LeaseBooks['log'] | undefined = root.openDB({ name: LEASE_LOG, encoding: 'binary' });
  return {
    version: storeVersion(root),
    machines: count('machines'),
    leases: countLeases({ ...(leases && { leases }), ...(log && { log }) }),
    decisions: count('decisions'),
    apiTokens: count('api-tokens'),
  };
}
