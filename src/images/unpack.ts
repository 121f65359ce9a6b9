import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { extract, list, type ReadEntry } from 'tar';
import { filesBelow } from './files-below.ts';

/** A tree of loaders has some sixty files of less than a megabyte each. */
const MAX_ENTRIES = 5000;
const MAX_BYTES = 1024 ** 3;

/**
 * Unpacks a compressed tar archive that lies in `folder` in its place, and removes it. A single folder at its root is left out
 * of the names. Gives the names of all files, less the links, below `folder`. Throws an Error for an archive that would write
 * elsewhere or is far too large.
 */
export async function unpack(folder: string, archive: string): Promise<string[]> {
  const tree = join(folder, '.unpacked');
  await rm(tree, { recursive: true, force: true });
  await mkdir(tree);
  const file = join(folder, archive);
  try {
    await requireHarmless(file);
    // Neither somebody else's owners nor their times.
    await extract({ file, cwd: tree, strict: true, preserveOwner: false, noMtime: true });
  } catch (error) {
    await rm(tree, { recursive: true, force: true });
    throw new Error(`${archive} can't be unpacked: ${(error as Error).message}`);
  }
  const [first, ...others] = await readdir(tree, { withFileTypes: true });
  const root = first && others.length === 0 && first.isDirectory() ? join(tree, first.name) : tree;
  for (const name of await readdir(root)) {
    // An attempt that was cut off may have left it.
    await rm(join(folder, name), { recursive: true, force: true });
    await rename(join(root, name), join(folder, name));
  }
  await rm(tree, { recursive: true, force: true });
  await rm(file);
  return (await filesBelow(folder)).sort();
}

/** Throws an Error for an archive that would write elsewhere or is far too large. The archive must not change after it. */
async function requireHarmless(file: string): Promise<void> {
  let entries = 0;
  let bytes = 0;
  let fault: string | undefined;
  await list({
    file,
    strict: true,
    onReadEntry(entry) {
      entries += 1;
      bytes += entry.size;
      if (entries > MAX_ENTRIES || bytes > MAX_BYTES) fault = 'it is far larger than it should be';
      else if (!isHarmless(entry))
        fault = `it holds ${JSON.stringify(entry.path)}, which leads out of its folder`;
    },
  });
  if (fault !== undefined) throw new Error(fault);
}

/** True for a file, folder or link that stays below where it is unpacked. */
function isHarmless({ path, type, linkpath }: Pick<ReadEntry, 'path' | 'type' | 'linkpath'>): boolean {
  const leavesBy = (target: string) => posix.isAbsolute(target) || posix.normalize(target).startsWith('..');
  if (leavesBy(path)) return false;
  switch (type) {
    case 'File':
    case 'OldFile':
    case 'Directory':
      return true;
    case 'SymbolicLink':
      return (
        linkpath !== undefined &&
        !posix.isAbsolute(linkpath) &&
        !leavesBy(posix.join(posix.dirname(path), linkpath))
      );
    case 'Link':
      return linkpath !== undefined && !leavesBy(linkpath);
    default:
      return false;
  }
}
