import { closeSync, openSync, statSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { reserveBlocks } from '../net/libc.ts';

/** Bytes that must fit on the disk before a store that couldn't be written is tried again. */
const ROOM = 256 * 1024;

/**
 * Which file is at `path`: a text that is another one for another file. Undefined when there is none. Rejects when that
 * can't be found out, or the file can't be written to: a file system may have turned read-only.
 */
export async function fileAt(path: string): Promise<string | undefined> {
  try {
    const file = await open(path, 'r+');
    try {
      // A file system that has failed says so here; what LMDB has written is on the disk already, so there is little to do.
      await file.datasync();
      return nameOf(await file.stat());
    } finally {
      await file.close();
    }
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** The same for a file that was opened a moment ago. Throws when there is none. */
export function fileNow(path: string): string {
  return nameOf(statSync(path));
}

function nameOf({ dev, ino }: { readonly dev: number; readonly ino: number }): string {
  return `${dev}:${ino}`;
}

/** More than LMDB's table of readers takes, bytes. */
const LOCK_SIZE = 16 * 1024;

/**
 * Sees to it that LMDB's lock file, made if need be, has its blocks on the disk: LMDB maps it into memory, and on a full disk
 * the first write to a page that has none would end the process. To be called only while this process has the store closed: whoever
 * closes a file loses the locks on it, however many other descriptors the process has, and the next process to open the
 * store would take it for unused and make its mutexes anew. Throws when there is no room.
 */
export function allocateLock(path: string): void {
  const fd = openSync(path, 'a+', 0o664);
  try {
    reserveBlocks(fd, LOCK_SIZE);
  } finally {
    closeSync(fd);
  }
}

/** Bytes beyond those in use that a store has on the disk, and the fewest with which it goes on. */
const RESERVE = 16 * 1024 * 1024;
const LEAST_RESERVE = 8 * 1024 * 1024;

/**
 * Sees to it that a file has blocks on the disk for more than the `used` bytes of it that are in use, so that a write never
 * finds the disk full. Throws when there is no room.
 */
export function keepReserve(path: string, used: number): void {
  if (statSync(path).blocks * 512 - used >= LEAST_RESERVE) return;
  const fd = openSync(path, 'r+');
  try {
    reserveBlocks(fd, used + RESERVE);
  } finally {
    closeSync(fd);
  }
}

/** Writes some blocks into `directory` and removes them again. Rejects with the system's error when that doesn't work. */
export async function tryToWrite(directory: string): Promise<void> {
  const scratch = await mkdtemp(join(directory, '.try-'));
  try {
    const file = await open(join(scratch, 'blocks'), 'w');
    try {
      await file.writeFile(Buffer.alloc(ROOM, 1));
      await file.sync();
    } finally {
      await file.close();
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
