import { constants } from 'node:fs';
import { type FileHandle, open, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';

/** A regular file as it was when it was looked up. */
export interface ServedFile {
  /** Absolute, without symbolic links. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly modified: Date;
  /** Strong entity tag from inode, size and modification time: another version has another tag. */
  readonly etag: string;
}

/** The file changed between the moment it was looked up and the moment it was read. */
export class FileChangedError extends Error {
  constructor(path: string) {
    super(`${path} changed while it was read`);
  }
}

/**
 * Looks up a regular file below `folder`. A symbolic link counts when it ends below the folder too. Gives undefined when
 * there is no such file; throws when the file system fails.
 */
export async function findFile(folder: string, path: string): Promise<ServedFile | undefined> {
  try {
    const root = await realpath(folder);
    const real = await realpath(join(root, path));
    return real.startsWith(root + sep) ? await describe(real) : undefined;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** Like `findFile`, for a path that is trusted wherever its symbolic links lead. */
export async function findTrustedFile(path: string): Promise<ServedFile | undefined> {
  try {
    return await describe(await realpath(path));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** Opens exactly this version of the file; throws FileChangedError when it was replaced since. The caller closes it. */
export async function openServedFile(file: ServedFile): Promise<FileHandle> {
  const handle = await open(file.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    await assertUnchanged(handle, file);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Throws FileChangedError when the open file was written to since it was looked up. */
export async function assertUnchanged(handle: FileHandle, file: ServedFile): Promise<void> {
  if (etagOf(await handle.stat({ bigint: true })) !== file.etag) throw new FileChangedError(file.path);
}

async function describe(path: string): Promise<ServedFile | undefined> {
  const facts = await stat(path, { bigint: true });
  if (!facts.isFile()) return undefined;
  return { path, size: Number(facts.size), modified: facts.mtime, etag: etagOf(facts) };
}

function etagOf(facts: { ino: bigint; size: bigint; mtimeNs: bigint }): string {
  return `"${[facts.ino, facts.size, facts.mtimeNs].map((number) => number.toString(36)).join('-')}"`;
}

function isAbsent(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'].includes(code);
}
