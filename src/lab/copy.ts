import { cp, mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run, runChecked } from './process.ts';

/** Copies a file or folder of this system to a place below `root`, following symbolic links. */
export async function copyInto(root: string, from: string, to: string): Promise<void> {
  await mkdir(dirname(join(root, to)), { recursive: true });
  await cp(from, join(root, to), { dereference: true, recursive: true });
}

/** Copies a program of this system and the libraries it's linked with, to the same places below `root`. */
export async function copyProgram(root: string, path: string, target = path): Promise<void> {
  await rm(join(root, target), { force: true });
  await copyInto(root, path, target);
  await copyLibraries(root, path);
}

/** Copies the libraries that a program or library of this system is linked with. */
export async function copyLibraries(root: string, path: string): Promise<void> {
  const { stdout } = await run(['ldd', path]);
  for (const [library] of stdout.matchAll(/\/\S+(?= \(0x)/g)) await copyInto(root, library, library);
}

/**
 * Packs a folder as an initial RAM file system.
 * @param level of zstd's compression, 1 to 19
 */
export async function packInitrd(root: string, file: string, level: number): Promise<void> {
  const pack =
    'find . -print0 | cpio --null --create --format=newc --owner=0:0 --quiet | zstd -q "-$1" -T0 -o "$0"';
  await runChecked(['bash', '-c', `set -e -o pipefail; ${pack}`, file, String(level)], { cwd: root });
}
