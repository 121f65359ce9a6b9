import {
  copyFile,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { create } from 'tar';
import { hashFile } from '../images/digest.ts';
import { copyStore, DATA, type StoreSummary } from '../store/inspect.ts';
import { holdersOf } from './in-use.ts';
import { type Entry, FORMAT, filesOf, MANIFEST, type Manifest } from './manifest.ts';
import { type Owners, readOwners } from './owners.ts';
import { findSources, type LeftOut, type Place } from './sources.ts';

/** What to back up, and where to. */
export interface BackupOptions {
  /** The folder with rackseed.yaml. */
  readonly config: string;
  /** The archive, which must not be there yet. */
  readonly file: string;
  /** Version of this program. */
  readonly version: string;
  readonly now: Date;
}

/** What a backup has become. */
export interface BackupReport {
  readonly manifest: Manifest;
  readonly store: StoreSummary;
  readonly leftOut: readonly LeftOut[];
  /** Of the archive, bytes. */
  readonly size: number;
}

/** A service has written down by then what it knew of machines, milliseconds; only of thousands of new ones it takes longer. */
const UNWRITTEN = 2_000;

/**
 * Writes configuration, store and PKI into a compressed tar archive with mode 0600. It reads the files of this host itself and asks
 * no service: the archive holds private keys, which no API gives out, and is needed most when no service runs. The store is
 * copied as it is at one moment; where a service has it in use, once what that knew when this began is in it. The archive
 * appears when it is complete, or not at all. Rejects with an Error for people.
 */
export async function makeBackup({ config, file, version, now }: BackupOptions): Promise<BackupReport> {
  const target = resolve(file);
  if (await lstat(target).catch(() => undefined))
    throw new Error(`${target} is there already and is left as it was: choose another name, or move it away`);
  const sources = await findSources(config);
  const owners = await readOwners();
  const staging = await mkdtemp(`${target}.`).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`nothing can be written to ${dirname(target)}: ${error.message}`);
  });
  try {
    if ((await holdersOf(join(sources.store, DATA))).length > 0) await pause(UNWRITTEN);
    const store = await copyStore(sources.store, join(staging, 'store'));
    const data = { path: join(sources.store, DATA), name: `store/${DATA}` };
    const entries = [await describe(data, staging, owners)];
    for (const place of sources.places) {
      for (const each of await placesIn(place, sources.others)) {
        await copyInto(staging, each);
        entries.push(await describe(each, staging, owners));
      }
    }
    const manifest: Manifest = {
      format: FORMAT,
      rackseed: version,
      made: now.toISOString(),
      store: sources.store,
      storeVersion: store.version,
      entries,
    };
    const size = await pack(staging, manifest, target);
    return { manifest, store, leftOut: sources.leftOut, size };
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    if (code !== 'EACCES') throw error;
    throw new Error(`${path} can't be read by this user: run it as root`);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** The place itself and, of a folder, all that is in it: less what begins with a dot, as everywhere in the configuration. */
async function placesIn(place: Place, others: readonly string[]): Promise<Place[]> {
  if (!(await stat(place.path)).isDirectory()) return [place];
  const names = (await readdir(place.path)).filter((name) => !name.startsWith('.')).sort();
  const below = names
    .map((name) => ({ path: join(place.path, name), name: `${place.name}/${name}` }))
    .filter(({ path }) => !others.includes(path));
  return [place, ...(await Promise.all(below.map((each) => placesIn(each, others)))).flat()];
}

async function copyInto(staging: string, { path, name }: Place): Promise<void> {
  const target = join(staging, name);
  const found = await stat(path);
  if (found.isDirectory()) await mkdir(target, { recursive: true, mode: 0o700 });
  else if (!found.isFile()) throw new Error(`${path} is neither a file nor a folder: move it away`);
  else {
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await copyFile(path, target);
  }
}

/** What the manifest says of a file or folder: whose it is where it came from, and what its copy holds. */
async function describe({ path, name }: Place, staging: string, owners: Owners): Promise<Entry> {
  const found = await stat(path);
  const owner = owners.users.nameOf(found.uid);
  const group = owners.groups.nameOf(found.gid);
  const facts = {
    name,
    path,
    mode: found.mode & 0o7777,
    ...(owner !== undefined && { owner }),
    ...(group !== undefined && { group }),
  };
  if (found.isDirectory()) return { type: 'folder', ...facts };
  const copy = join(staging, name);
  return {
    type: 'file',
    ...facts,
    size: (await stat(copy)).size,
    sha256: (await hashFile(copy, 'sha256')).hex,
  };
}

/** Packs what is in `staging`, the manifest first; gives the archive's size. */
async function pack(staging: string, manifest: Manifest, target: string): Promise<number> {
  await writeFile(join(staging, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
  const archive = join(staging, 'archive');
  const names = [MANIFEST, ...filesOf(manifest).map(({ name }) => name)];
  await create({ file: archive, cwd: staging, gzip: true, portable: true, mode: 0o600 }, names);
  const handle = await open(archive);
  try {
    await handle.sync();
    await rename(archive, target);
    return (await handle.stat()).size;
  } finally {
    await handle.close();
  }
}
