import type { FileHandle } from 'node:fs/promises';
import { readCached } from '../net/page-cache.ts';
import { openServedFile, type ServedFile } from './served-file.ts';

/** Bytes read from disk in one go: larger reads cost less per byte, smaller ones leave room for thousands of slow clients. */
const CHUNK = { fast: 512 * 1024, slow: 256 * 1024 };
/** Whoever takes a slice within so many milliseconds is fast. */
const FAST = 50;

/** Fills `target` with the bytes at `position` of an open file; throws when the file ends before. */
export async function readFully(handle: FileHandle, target: Buffer, position: number): Promise<void> {
  let done = 0;
  while (done < target.length) {
    const { bytesRead } = await handle.read(target, done, target.length - done, position + done);
    if (bytesRead === 0) throw new Error('the file became shorter while it was read');
    done += bytesRead;
  }
}

/** The bytes from `start` up to `end` of a file, straight from disk, all at once. */
export async function readPart(file: ServedFile, start: number, end: number): Promise<Buffer> {
  const handle = await openServedFile(file);
  try {
    const part = Buffer.allocUnsafeSlow(end - start);
    await readFully(handle, part, start);
    return part;
  } finally {
    await handle.close();
  }
}

/**
 * The bytes from `start` up to `end` of a file, straight from disk. While the consumer deals with one slice, what the kernel
 * doesn't hold of the next is read, into the other of two buffers: a slice is good until the one after it is asked for. They
 * are as large as the consumer is fast. The file is closed when the consumer stops, wherever that is.
 */
export async function* readSlices(file: ServedFile, start: number, end: number): AsyncGenerator<Buffer> {
  const handle = await openServedFile(file);
  try {
    let chunk = CHUNK.slow;
    let buffer: Buffer = bufferFor(chunk, end - start);
    let other: Buffer = Buffer.alloc(0);
    let ahead = readSlice(handle, buffer, start);
    for (let position = start; position < end; ) {
      const slice = await ahead;
      position += slice.length;
      [buffer, other] = [bufferFor(chunk, end - position, other), buffer];
      ahead = readSlice(handle, buffer, position);
      // Looked at only in the next round, or never: without this a failure would count as unhandled.
      ahead.catch(() => {});
      const given = performance.now();
      yield slice;
      chunk = performance.now() - given < FAST ? CHUNK.fast : CHUNK.slow;
    }
  } finally {
    await handle.close();
  }
}

/** A buffer for the next of `left` bytes; `old` if that is as large. */
function bufferFor(chunk: number, left: number, old?: Buffer): Buffer {
  const length = Math.min(chunk, left);
  return old?.length === length ? old : Buffer.allocUnsafeSlow(length);
}

/**
 * Reads at once what the kernel holds of the slice: to have another thread copy it, and to be told when it has, costs more
 * than the copy. Only what has to come from the disk is waited for.
 */
async function readSlice(handle: FileHandle, buffer: Buffer, position: number): Promise<Buffer> {
  const done = readCached(handle.fd, buffer, position);
  if (done < buffer.length) await readFully(handle, buffer.subarray(done), position + done);
  return buffer;
}
