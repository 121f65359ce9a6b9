import { lstat, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { hashFile, sameDigest } from './digest.ts';
import { filesBelow } from './files-below.ts';
import { PARTIAL, readLink, removeFolder, stagingFolder, withImageLock } from './folders.ts';
import { type Manifest, readManifest } from './manifest.ts';
import { isImageName } from './request.ts';
import { type Following, type Use, usesOf } from './uses.ts';

/** An image as it lies below assets/. */
export interface StoredImage {
  /** `flatcar/4593.2.5` */
  readonly name: string;
  /** Bytes of all files. */
  readonly size: number;
  /** Undefined when it was put there by hand. */
  readonly manifest: Manifest | undefined;
  readonly uses: readonly Use[];
  /** Links that lead to it: `flatcar/current`. */
  readonly links: readonly string[];
}

/** It isn't there. */
export class NoSuchImage extends Error {}

/** What is below assets/. */
export interface Library {
  readonly images: readonly StoredImage[];
  /** Pulls that were not finished, and the bytes that are here of each. */
  readonly partial: readonly { readonly name: string; readonly size: number }[];
}

type LibraryConfig = Pick<Config, 'profiles' | 'firmware' | 'assets'>;

/** All images, by name. Rejects with the file system's error. */
export async function readLibrary(config: LibraryConfig): Promise<Library> {
  const { directory } = config.assets;
  const { names, followed } = await imagesIn(directory);
  const uses = usesOf(config, followed);
  const images = names.map(async (name): Promise<StoredImage> => {
    const folder = join(directory, name);
    return {
      name,
      size: await sizeBelow(folder),
      // One that is damaged is told by verify.
      manifest: await readManifest(folder).catch(() => undefined),
      uses: uses.get(name) ?? [],
      links: followed.filter(({ image }) => image === name).map(({ link }) => link),
    };
  });
  const staged = await readdir(join(directory, PARTIAL)).catch(() => []);
  const partial = staged
    .filter((name) => isImageName(name.replace('@', '/')) && !/\.(?:removed|link)$/.test(name))
    .map(async (name) => ({
      name: name.replace('@', '/'),
      size: await sizeBelow(join(directory, PARTIAL, name)),
    }));
  return { images: await Promise.all(images), partial: await Promise.all(partial) };
}

/** The links that follow a source, and where they lead now. */
export async function readFollowed(assets: string): Promise<readonly Following[]> {
  return (await imagesIn(assets)).followed;
}

/** What became of checking an image. */
export interface Verdict {
  readonly name: string;
  /** Files that are missing, or not what they were when they were pulled; empty when all is well. */
  readonly faults: readonly string[];
  /** False when nothing is known of its files, since somebody put them there by hand. */
  readonly isKnown: boolean;
}

/** Reads an image's files and compares them to what was pulled. Rejects with an Error when there is no such image. */
export async function verifyImage(assets: string, name: string): Promise<Verdict> {
  const folder = requireName(assets, name);
  if (!(await stat(folder).catch(() => undefined))?.isDirectory()) throw noSuch(assets, name);
  let manifest: Manifest | undefined;
  try {
    manifest = await readManifest(folder);
  } catch (error) {
    return { name, isKnown: true, faults: [(error as Error).message] };
  }
  if (!manifest) return { name, isKnown: false, faults: [] };
  const faults: string[] = [];
  for (const { name: file, digest } of manifest.files) {
    const actual = await hashFile(join(folder, file), digest.algorithm).catch(
      (error: NodeJS.ErrnoException) => error,
    );
    if (!(actual instanceof Error)) {
      if (!sameDigest(actual, digest)) faults.push(`${file} is not what was pulled`);
    } else
      faults.push(
        actual.code === 'ENOENT' ? `${file} is missing` : `${file} can't be read: ${actual.message}`,
      );
  }
  return { name, isKnown: true, faults };
}

/**
 * Removes an image, or what is here of one that was not pulled to its end. Rejects with an Error when the configuration uses it
 * or when there is none.
 */
export async function removeImage(config: LibraryConfig, name: string): Promise<void> {
  const { directory } = config.assets;
  const folder = requireName(directory, name);
  await withImageLock(directory, name, async () => {
    const { followed } = await imagesIn(directory);
    if (followed.some(({ link }) => link === name)) {
      throw new Error(`${name} is a link; remove the image that it leads to, or the link itself with rm`);
    }
    const uses = usesOf(config, followed).get(name) ?? [];
    if (uses.length > 0) {
      const users = uses.map((use) => (use.name === name ? use.what : `${use.what} (as ${use.name})`));
      throw new Error(`${name} is used by ${users.join(', ')}: change that first, or machines can't boot`);
    }
    const staging = stagingFolder(directory, name);
    const isPartial = await isThere(staging);
    await rm(staging, { recursive: true, force: true });
    if (!(await isThere(folder))) {
      if (isPartial) return;
      throw noSuch(directory, name);
    }
    for (const { link, image } of followed) if (image === name) await rm(join(directory, link));
    await removeFolder(directory, name);
  });
}

async function imagesIn(
  assets: string,
): Promise<{ readonly names: readonly string[]; readonly followed: readonly Following[] }> {
  const names: string[] = [];
  const followed: Following[] = [];
  for (const family of await foldersIn(assets)) {
    for (const version of await foldersIn(join(assets, family))) {
      const name = `${family}/${version}`;
      const target = await readLink(join(assets, name));
      if (target === undefined) names.push(name);
      else if (isImageName(`${family}/${target}`))
        followed.push({ link: name, image: `${family}/${target}` });
    }
  }
  return { names, followed };
}

/** Folders, and links to some, by name. */
async function foldersIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
  const found = await Promise.all(
    names.map(async (name) => {
      const isFolder = (await stat(join(folder, name)).catch(() => undefined))?.isDirectory();
      return isFolder && !name.startsWith('.') ? [name] : [];
    }),
  );
  return found.flat().sort();
}

async function sizeBelow(folder: string): Promise<number> {
  const files = await filesBelow(folder).catch(() => []);
  const sizes = await Promise.all(
    files.map(async (name) => (await lstat(join(folder, name)).catch(() => undefined))?.size ?? 0),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

function requireName(assets: string, name: string): string {
  if (isImageName(name)) return join(assets, name);
  throw new Error(`"${name}" is not the name of an image: write family and version, as in flatcar/4593.2.5`);
}

function noSuch(assets: string, name: string): Error {
  return new NoSuchImage(
    `there is no image ${name} in ${assets}; "rackseed images list" shows those there are`,
  );
}

async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}
