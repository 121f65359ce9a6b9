import { createHash } from 'node:crypto';
import { mkdir, open, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { formatManifest, MANIFEST, type Manifest } from './manifest.ts';

/** Below assets/, for what isn't an image yet: neither HTTP nor TFTP gives out names with a dot in front. */
export const PARTIAL = '.partial';

/** Where an image is put together until it is complete: on the same file system as its place, for the rename. */
export function stagingFolder(assets: string, image: string): string {
  return join(assets, PARTIAL, image.replace('/', '@'));
}

/**
 * Makes a staged image one that can be booted, all of it at once: a machine sees the folder with all of its files or not at all,
 * also when the power fails. There must be no such image yet.
 */
export async function publishFolder(staging: string, folder: string, manifest: Manifest): Promise<void> {
  await writeSynced(join(staging, MANIFEST), formatManifest(manifest));
  for (const { name } of manifest.files) await sync(join(staging, name));
  await sync(staging);
  await mkdir(dirname(folder), { recursive: true });
  await rename(staging, folder);
  await sync(dirname(folder));
}

/** Replaces single files of an image by staged ones, each at once. Only for what the same release's digests vouch for. */
export async function replaceFiles(
  staging: string,
  folder: string,
  names: readonly string[],
  manifest: Manifest,
): Promise<void> {
  for (const name of names) {
    await sync(join(staging, name));
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await rename(join(staging, name), join(folder, name));
  }
  await writeSynced(join(staging, MANIFEST), formatManifest(manifest));
  await rename(join(staging, MANIFEST), join(folder, MANIFEST));
  await sync(folder);
  await rm(staging, { recursive: true, force: true });
}

/** Takes an image away, all of it at once. */
export async function removeFolder(assets: string, image: string): Promise<void> {
  const removed = `${stagingFolder(assets, image)}.removed`;
  await mkdir(dirname(removed), { recursive: true });
  await rm(removed, { recursive: true, force: true });
  await rename(join(assets, image), removed);
  await rm(removed, { recursive: true, force: true });
}

/** Points a link, such as `flatcar/current`, to a version beside it. It has the old version or the new one at every moment. */
export async function pointLink(assets: string, link: string, version: string): Promise<void> {
  const staged = `${stagingFolder(assets, link)}.link`;
  await mkdir(dirname(staged), { recursive: true });
  await rm(staged, { force: true });
  await symlink(version, staged);
  await rename(staged, join(assets, link)).catch((error: NodeJS.ErrnoException) => {
    if (!['EISDIR', 'ENOTEMPTY', 'EEXIST'].includes(error.code ?? '')) throw error;
    throw new Error(`${join(assets, link)} is a folder and not a link: move it away, and then pull again`);
  });
  await sync(dirname(join(assets, link)));
}

/** What a link points to; undefined when it is none. */
export async function readLink(path: string): Promise<string | undefined> {
  return readlink(path).catch(() => undefined);
}

/**
 * Does `action` while no other process, nor another part of this one, works on the same image. What says so is a socket that the
 * kernel takes away with its process, so no lock is ever left behind. Rejects at once when somebody is at it.
 */
export async function withImageLock<Result>(
  assets: string,
  image: string,
  action: () => Promise<Result>,
): Promise<Result> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === 'EADDRINUSE';
      reject(isTaken ? new Error(`${image} is being worked on already: wait until that is done`) : error);
    });
    // An abstract socket (unix(7)): a name without a file. Its 107 bytes hold no long path, but a hash of it.
    server.listen(
      `\0rackseed-image-${createHash('sha256').update(join(assets, image)).digest('hex')}`,
      resolve,
    );
  });
  try {
    return await action();
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

async function writeSynced(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o644 });
  await sync(path);
}

/** Writes a file or folder through to the disk. */
async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
