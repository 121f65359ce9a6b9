import type { FileHandle } from 'node:fs/promises';
import { openServedFile, type ServedFile } from './served-file.ts';

/** Bytes read from disk in one go: large enough to stream fast, small enough for thousands of clients. */
const CHUNK = 256 * 1024;

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
 * The bytes from `start` up to `end` of a file, straight from disk. While the consumer deals with one slice the next is
 * read, into the other of two buffers: a slice is good until the one after it is asked for. The file is closed when the
 * consumer stops, wherever that is.
 */
export async function* readSlices(file: ServedFile, start: number, end: number): AsyncGenerator<Buffer> {
  const handle = await openServedFile(file);
  try {
    let buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK, end - start));
    let other = Buffer.allocUnsafeSlow(buffer.length);
    let ahead = readSlice(handle, buffer, start, end);
    for (let position = start; position < end; ) {
      const slice = await ahead;
      position += slice.length;
      [buffer, other] = [other, buffer];
      ahead = readSlice(handle, buffer, position, end);
      // Looked at only in the next round, or never: without this a failure would count as unhandled.
      ahead.catch(() => {});
      yield slice;
    }
  } finally {
    await handle.close();
  }
}

async function readSlice(handle: FileHandle, buffer: Buffer, start: number, end: number): Promise<Buffer> {
  const slice = buffer.subarray(0, Math.min(buffer.length, end - start));
  await readFully(handle, slice, start);
  return slice;
}
