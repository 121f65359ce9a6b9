import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { buildDebianGuest } from './debian-guest.ts';
import type { Guest } from './guests.ts';
import { noteUse, pruneImages } from './image-cache.ts';
import { withLock } from './lock.ts';
import { packageRoot } from './package-root.ts';
import { run } from './process.ts';
import { buildSmallGuest } from './small-guest.ts';

/** A kernel and an initial RAM file system that boot together. */
export interface Image {
  /** Folder that holds `vmlinuz` and `initrd.img`. */
  readonly directory: string;
  /** Tells one build from another: a hash of what went in. */
  readonly version: string;
}

const BUILDERS = { small: buildSmallGuest, debian: buildDebianGuest };

/** The programs that put each image together: when one of them changes, so does the image. */
const RECIPES = {
  small: ['small-guest', 'kernel', 'copy'],
  debian: ['debian-guest', 'kernel', 'copy'],
};

/** Packages of this system that parts of the images are copied from. */
const PACKAGES = [
  'busybox-static',
  'busybox',
  'e2fsprogs',
  'util-linux',
  'libc6',
  'python3-minimal',
  'python3-yaml',
];

/**
 * One of the lab's own images. Built when `cache` has none that was made from the same inputs; otherwise the one from
 * there. When several ask at once, one builds and the others wait. Images that were not used for two weeks are removed
 * when one is built.
 * @param cache folder for finished images
 * @param progress called with each step of a build, in words
 */
export async function labImage(
  guest: Guest,
  cache: string,
  progress: (step: string) => void,
): Promise<Image> {
  const version = `${guest}-${await inputsHash(guest)}`;
  const directory = join(cache, version);
  if (!(await isImage(directory))) await build(guest, cache, directory, progress);
  await noteUse(directory, Date.now());
  return { directory, version };
}

/** Puts an image together unless somebody else does so in the meantime; images that nobody uses any more make room. */
async function build(
  guest: Guest,
  cache: string,
  directory: string,
  progress: (step: string) => void,
): Promise<void> {
  await mkdir(cache, { recursive: true });
  await withLock(`${directory}.lock`, async () => {
    if (await isImage(directory)) return;
    await pruneImages(cache, Date.now());
    const work = await mkdtemp(join(cache, '.building-'));
    try {
      const image = join(work, 'image');
      await mkdir(image);
      await BUILDERS[guest](work, image, progress);
      await rename(image, directory);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  });
}

/**
 * An image somebody made: a folder that holds `vmlinuz` and `initrd.img`.
 * @throws when one of the two is missing
 */
export async function foreignImage(directory: string): Promise<Image> {
  for (const file of ['vmlinuz', 'initrd.img']) {
    if (!(await exists(join(directory, file)))) {
      throw new Error(`${directory} holds no ${file}: an image is a folder with vmlinuz and initrd.img`);
    }
  }
  return { directory, version: 'own' };
}

/** Changes with the guests' files, the recipe and the packages of this system that parts are copied from. */
async function inputsHash(guest: Guest): Promise<string> {
  const hash = createHash('sha256');
  for (const file of recipeFiles(guest)) hash.update(await readFile(file));
  const guests = join(packageRoot, 'lab/guest');
  const entries = await readdir(guests, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  for (const file of files.sort()) hash.update(`${file.slice(guests.length)}\n`).update(await readFile(file));
  hash.update((await run(['dpkg-query', '--show', ...PACKAGES])).stdout);
  return hash.digest('hex').slice(0, 12);
}

/** In a bundle, this module's file holds the recipes, or names their files by hashes. */
function recipeFiles(guest: Guest): string[] {
  const { dirname, filename } = import.meta;
  if (extname(filename) !== '.ts') return [filename];
  return RECIPES[guest].map((name) => join(dirname, `${name}.ts`));
}

function isImage(directory: string): Promise<boolean> {
  return exists(join(directory, 'initrd.img'));
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
