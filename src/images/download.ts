import { type FileHandle, open, readFile, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { formatBytes } from '../machines/units.ts';
import { type Digest, hashFile, sameDigest, shortDigest } from './digest.ts';
import type { Throttle } from './throttle.ts';
import { trouble, type Web, type WebAnswer, WebTrouble } from './web.ts';

/** More than any image has, bytes: a server that never ends is cut off here at the latest. */
const MAX_FILE = 16 * 1024 ** 3;
/** Attempts in a row that bring nothing new. */
const ATTEMPTS = 5;

/** A file to download. */
export interface Download {
  readonly url: string;
  readonly digest: Digest;
  /** Bytes, if it was told. */
  readonly size?: number | undefined;
  /** Where it goes. Until it is complete and right, it is `PATH.part` beside it. */
  readonly path: string;
}

/** What downloads go through. */
export interface DownloadParts {
  readonly web: Web;
  readonly throttle: Throttle;
  readonly signal?: AbortSignal | undefined;
  /** Bytes that are here, and that there are in all if that is known. */
  readonly onProgress: (bytes: number, size: number | undefined) => void;
}

/** What is known of a partial file: a version of it is another file, which can't be gone on with. */
interface PartState {
  readonly url: string;
  /** The strong entity tag, or else the date, for If-Range (RFC 9110, section 13.1.5). */
  readonly validator?: string;
}

/**
 * Downloads a file, going on where an earlier attempt ended, until its digest is right. Only what was read from the network
 * just now or from the disk again counts for the digest. Rejects with an Error for people; what is here by then stays for
 * the next time, unless it is wrong.
 */
export async function download(file: Download, parts: DownloadParts): Promise<void> {
  const { path, digest } = file;
  if (await isRight(path, digest)) return;
  let failures = 0;
  for (;;) {
    const before = await sizeOf(`${path}.part`);
    try {
      const { isWhole } = await attempt(file, parts);
      const actual = await complete(file, parts.signal);
      if (!actual) return;
      // Pieces of two versions may have come together. Of one piece it is known what it is.
      if (isWhole || failures >= ATTEMPTS) {
        const expected = shortDigest(digest);
        throw new Error(
          `${file.url} is not what its publisher vouches for: it has ${shortDigest(actual)} and should have ${expected}`,
        );
      }
      failures += 1;
    } catch (error) {
      parts.signal?.throwIfAborted();
      if (!(error instanceof WebTrouble)) throw await explain(file, error);
      failures = (await sizeOf(`${path}.part`)) > before ? 1 : failures + 1;
      if (failures >= ATTEMPTS) {
        throw new Error(`${error.message}; what is here stays, and the same command goes on with it`);
      }
      await parts.web.pause(failures, parts.signal).catch((aborted: Error) => {
        parts.signal?.throwIfAborted();
        throw aborted;
      });
    }
  }
}

/** Moves the partial file into its place when its digest is right; else removes it and gives the digest that it has. */
async function complete(
  { path, digest }: Download,
  signal: AbortSignal | undefined,
): Promise<Digest | undefined> {
  const actual = await hashFile(`${path}.part`, digest.algorithm, signal);
  if (sameDigest(actual, digest)) {
    await rename(`${path}.part`, path);
    await rm(`${path}.part.json`, { force: true });
    return undefined;
  }
  await discard(path);
  return actual;
}

/** One request, for all that is missing. `isWhole` is true when all of the file came with it. */
async function attempt(file: Download, parts: DownloadParts): Promise<{ readonly isWhole: boolean }> {
  const { url, path } = file;
  const state = await readState(path);
  if (state?.url !== url) await discard(path);
  const have = await sizeOf(`${path}.part`);
  if (have > 0 && have === file.size) return { isWhole: false };
  const range = have > 0 && {
    range: `bytes=${have}-`,
    ...(state?.validator !== undefined && { 'if-range': state.validator }),
  };
  const answer = await parts.web.open(url, { ...range }, parts.signal);
  try {
    // There is nothing behind what is here: all of it is.
    if (answer.status === 416 && answer.headers['content-range'] === `bytes */${have}`)
      return { isWhole: false };
    const start = startOf(answer, have);
    if (start === undefined) {
      await discard(path);
      throw new WebTrouble(`${url}: the server can't go on at byte ${have}`);
    }
    const size = totalOf(answer, start) ?? file.size;
    if ((file.size !== undefined && size !== file.size) || (size ?? 0) > MAX_FILE) {
      throw new Error(`${url} has ${size} bytes, and should have ${file.size ?? `at most ${MAX_FILE}`}`);
    }
    await requireRoom(file, (size ?? start) - start);
    await writeState(path, { url, ...validatorOf(answer) });
    await receive(answer, file, { start, size, ...parts });
    return { isWhole: start === 0 };
  } finally {
    answer.body.destroy();
  }
}

/** Writes what comes behind what is there. Throws a WebTrouble when it ends too early. */
async function receive(
  { body }: WebAnswer,
  { url, path }: Download,
  { start, size, throttle, signal, onProgress }: DownloadParts & { start: number; size: number | undefined },
): Promise<void> {
  const handle = await open(`${path}.part`, start === 0 ? 'w' : 'a');
  let position = start;
  onProgress(position, size);
  try {
    for await (const chunk of incoming(body, url, signal)) {
      position += chunk.length;
      if (position > (size ?? MAX_FILE))
        throw new Error(`${url} is longer than it says (${size ?? MAX_FILE} bytes)`);
      await writeAll(handle, chunk);
      onProgress(position, size);
      await throttle(chunk.length, signal);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (size !== undefined && position < size) {
    throw new WebTrouble(`${url} broke off after ${formatBytes(position)} of ${formatBytes(size)}`);
  }
}

async function writeAll(handle: FileHandle, chunk: Buffer): Promise<void> {
  for (let done = 0; done < chunk.length; ) done += (await handle.write(chunk, done)).bytesWritten;
}

/** The body's chunks; a connection that fails is a WebTrouble, whatever the one who writes them fails with is not. */
async function* incoming(
  body: WebAnswer['body'],
  url: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  const chunks = body[Symbol.asyncIterator]();
  for (;;) {
    const next = await chunks.next().catch((error: unknown) => {
      throw trouble(url, error, signal);
    });
    if (next.done) return;
    yield next.value;
  }
}

/** Where the answer's bytes begin; undefined when they don't go with the `have` bytes that are here. */
function startOf({ status, headers }: WebAnswer, have: number): number | undefined {
  if (status === 200) return 0;
  const [, start] = /^bytes (\d+)-\d+\/(?:\d+|\*)$/.exec(headers['content-range'] ?? '') ?? [];
  return status === 206 && Number(start) === have ? have : undefined;
}

function totalOf({ status, headers }: WebAnswer, start: number): number | undefined {
  const [, total] = /\/(\d+)$/.exec(headers['content-range'] ?? '') ?? [];
  if (status === 206 && total !== undefined) return Number(total);
  const length = headers['content-length'];
  return length === undefined ? undefined : start + Number(length);
}

function validatorOf({ headers: { etag, 'last-modified': date } }: WebAnswer): Pick<PartState, 'validator'> {
  const validator = etag?.startsWith('"') ? etag : date;
  return validator === undefined ? {} : { validator };
}

/** Throws an Error when the file system has less than `bytes` left. */
async function requireRoom({ path }: Download, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path));
  if (bavail * bsize < bytes)
    throw noRoom(path, `it needs ${formatBytes(bytes)} and there are ${formatBytes(bavail * bsize)}`);
}

function noRoom(path: string, why: string): Error {
  return new Error(
    `there is no room for ${basename(path)} in ${dirname(path)}: ${why}. "rackseed images list" shows what could go; what is here stays, and the same command goes on with it`,
  );
}

async function explain({ path }: Download, error: unknown): Promise<Error> {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') return noRoom(path, 'the file system is full');
  return error as Error;
}

async function isRight(path: string, digest: Digest): Promise<boolean> {
  const actual = await hashFile(path, digest.algorithm).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return actual !== undefined && sameDigest(actual, digest);
}

async function sizeOf(path: string): Promise<number> {
  const handle = await open(path, 'r').catch(() => undefined);
  if (!handle) return 0;
  const { size } = await handle.stat().finally(() => handle.close());
  return size;
}

async function readState(path: string): Promise<PartState | undefined> {
  try {
    const state = JSON.parse(await readFile(`${path}.part.json`, 'utf8')) as Partial<PartState>;
    if (typeof state.url !== 'string') return undefined;
    return { url: state.url, ...(typeof state.validator === 'string' && { validator: state.validator }) };
  } catch {
    return undefined;
  }
}

async function writeState(path: string, state: PartState): Promise<void> {
  await writeFile(`${path}.part.json.new`, JSON.stringify(state));
  await rename(`${path}.part.json.new`, `${path}.part.json`);
}

async function discard(path: string): Promise<void> {
  for (const name of [`${path}.part`, `${path}.part.json`]) await rm(name, { force: true });
}
