import { chmod, chown, copyFile, lstat, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { DATA, inspectStore, isEmptyStore, LOCK, type StoreSummary } from '../store/inspect.ts';
import { explainNewer, MIGRATIONS, versionAfter } from '../store/version.ts';
import { readArchive, unpackArchive } from './archive.ts';
import { holdersOf } from './in-use.ts';
import { CONFIG, type Entry, type Manifest } from './manifest.ts';
import { type Owners, readOwners } from './owners.ts';

/** What to restore, and where. */
export interface RestoreOptions {
  readonly file: string;
  /** The folder of the system that the backup's paths are in; `/` for the one that runs. */
  readonly root: string;
  /** Also where a store is that holds something. */
  readonly force: boolean;
  readonly now: Date;
}

/** What was restored. */
export interface RestoreReport {
  readonly manifest: Manifest;
  readonly store: StoreSummary;
  /** Files and folders that were put in place, and where what was there before is now. */
  readonly placed: readonly { readonly path: string; readonly before?: string }[];
  /** Users and groups of the backup that this system hasn't. */
  readonly unknown: readonly string[];
}

/** A file or folder that is put in place as a whole, with the entries in it. */
interface Part {
  readonly entry: Entry;
  readonly inside: readonly Entry[];
}

/**
 * Puts a backup back where it came from. What is there is kept beside, under a name with the time. Nothing is touched before the
 * whole backup was read and found good; when something fails after that, what was there is put back. Rejects with an Error for
 * people: also while a process has the store open, and for a store that holds something unless `force`.
 */
export async function restoreBackup({ file, root, force, now }: RestoreOptions): Promise<RestoreReport> {
  const manifest = await readArchive(resolve(file));
  const known = versionAfter(MIGRATIONS);
  if (manifest.storeVersion > known)
    throw new Error(`the store in ${file} can't be used here: ${explainNewer(manifest.storeVersion, known)}`);
  const at = (path: string) => join(root, path);
  const directory = at(manifest.store);
  await requireIdle(directory);
  if (!force) await requireEmpty(directory);

  const madeFolder = await mkdir(directory, { recursive: true, mode: 0o750 });
  const staging = await mkdtemp(join(directory, '.restore-'));
  try {
    await unpackArchive(resolve(file), manifest, staging);
    const store = await inspectStore(join(staging, 'store'));
    if (!store) throw new Error(`${file} holds no store`);
    const owners = await readOwners(root);
    const unknown = new Set<string>();
    const suffix = `before-${now
      .toISOString()
      .replace(/\.\d+Z$/, 'Z')
      .replaceAll(':', '-')}`;
    const swap = new Swap(suffix);
    try {
      const give = async (path: string, entry: Entry) => {
        for (const name of await own(path, entry, owners)) unknown.add(name);
      };
      const data = manifest.entries.find(({ name }) => name === `store/${DATA}`);
      if (data && madeFolder !== undefined) await give(directory, { ...data, mode: 0o750 });
      const config = manifest.entries.find(({ name }) => name === CONFIG);
      if (config && (await mkdir(at(config.path), { recursive: true })) !== undefined)
        await give(at(config.path), config);
      for (const part of partsOf(manifest)) {
        const path = at(part.entry.path);
        await mkdir(dirname(path), { recursive: true });
        const fresh = await swap.prepare(path);
        for (const entry of [part.entry, ...part.inside]) {
          const target = fresh + at(entry.path).slice(path.length);
          if (entry.type === 'folder') await mkdir(target);
          else await copyFile(join(staging, entry.name), target);
          await give(target, entry);
        }
      }
      // What was written about who reads and writes the old store says nothing about the new one.
      await requireIdle(directory);
      await rm(join(directory, LOCK), { force: true });
      return { manifest, store, placed: await swap.make(), unknown: [...unknown] };
    } catch (error) {
      await swap.undo();
      throw error;
    }
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/**
 * The parts of a backup, each with what is in it. What lies in the configuration's folder is a part each, so that whatever else lies
 * there stays: a store, images, a repository.
 */
export function partsOf({ entries }: Pick<Manifest, 'entries'>): Part[] {
  const isIn = (entry: Entry, folder: Entry) =>
    folder.type === 'folder' && folder.name !== CONFIG && entry.path.startsWith(`${folder.path}/`);
  const tops = entries.filter(
    (entry) => entry.name !== CONFIG && !entries.some((folder) => isIn(entry, folder)),
  );
  return tops.map((entry) => ({ entry, inside: entries.filter((other) => isIn(other, entry)) }));
}

async function requireIdle(directory: string): Promise<void> {
  const holders = await holdersOf(join(directory, DATA));
  if (holders.length === 0) return;
  const names = await Promise.all(holders.map(async (pid) => `${pid} (${await commandOf(pid)})`));
  throw new Error(
    `the store in ${directory} is in use by process ${names.join(', ')}: stop the service first; under systemd, "systemctl stop 'rackseed*'" stops its sockets too, which would start it again`,
  );
}

async function requireEmpty(directory: string): Promise<void> {
  const found = await inspectStore(directory).catch((error: Error) => {
    throw new Error(`${error.message}; with --force it is kept beside, and the backup takes its place`);
  });
  if (!found || isEmptyStore(found)) return;
  throw new Error(
    `the store in ${directory} holds ${found.machines} machines and ${found.leases} leases: with --force they are kept beside, and the backup takes their place`,
  );
}

async function commandOf(pid: number): Promise<string> {
  return (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'gone')).trim();
}

/** Gives a file or folder its mode and owner; tells which names this system doesn't know. */
async function own(path: string, entry: Entry, { users, groups }: Owners): Promise<string[]> {
  const { owner, group, mode } = entry;
  const uid = owner === undefined ? undefined : users.idOf(owner);
  const gid = group === undefined ? undefined : groups.idOf(group);
  // Others can't give files away; they restore what is theirs.
  if (process.getuid?.() === 0) await chown(path, uid ?? 0, gid ?? 0);
  await chmod(path, mode);
  return [
    ...(owner !== undefined && uid === undefined ? [`user ${owner}`] : []),
    ...(group !== undefined && gid === undefined ? [`group ${group}`] : []),
  ];
}

/** Files and folders that take the place of others, all of them or none. */
class Swap {
  readonly #suffix: string;
  readonly #prepared: { readonly path: string; readonly fresh: string }[] = [];
  readonly #placed: { readonly path: string; readonly before?: string }[] = [];

  /** @param suffix added to the names of what was there before */
  constructor(suffix: string) {
    this.#suffix = suffix;
  }

  /** Where to make what will take the place of `path`: beside it, so that it can be moved at once. */
  async prepare(path: string): Promise<string> {
    const fresh = join(dirname(path), `.${basename(path)}.restored`);
    await rm(fresh, { recursive: true, force: true });
    this.#prepared.push({ path, fresh });
    return fresh;
  }

  /** Puts all that was prepared in place. */
  async make(): Promise<readonly { readonly path: string; readonly before?: string }[]> {
    for (const { path, fresh } of this.#prepared) {
      const before = `${path}.${this.#suffix}`;
      const wasThere = (await lstat(path).catch(() => undefined)) !== undefined;
      if (wasThere) await rename(path, before);
      this.#placed.push({ path, ...(wasThere && { before }) });
      await rename(fresh, path);
    }
    return this.#placed;
  }

  /** Puts back what was there. */
  async undo(): Promise<void> {
    for (const { path, before } of this.#placed.toReversed()) {
      await rm(path, { recursive: true, force: true });
      if (before !== undefined) await rename(before, path);
    }
    for (const { fresh } of this.#prepared) await rm(fresh, { recursive: true, force: true });
  }
}
