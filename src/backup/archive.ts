import { join } from 'node:path';
import { extract, list } from 'tar';
import { hashFile } from '../images/digest.ts';
import { filesOf, MANIFEST, type Manifest, parseManifest } from './manifest.ts';

/** Far more than the manifest of any configuration, bytes. */
const MANIFEST_BYTES = 16 * 1024 * 1024;

/**
 * Reads a backup from end to end, and gives its manifest: the archive holds the files that the manifest names, with their sizes, and
 * nothing else. Rejects with an Error for people.
 */
export async function readArchive(file: string): Promise<Manifest> {
  const sizes = new Map<string, number>();
  const chunks: Buffer[] = [];
  let fault: string | undefined;
  await list({
    file,
    strict: true,
    onReadEntry(entry) {
      const isFirst = sizes.size === 0;
      if (entry.type !== 'File' || sizes.has(entry.path)) fault ??= `${entry.path} is not a file of ours`;
      sizes.set(entry.path, entry.size);
      if (!isFirst) return;
      if (entry.path !== MANIFEST || entry.size > MANIFEST_BYTES)
        fault ??= 'it does not begin with a manifest';
      else entry.on('data', (chunk) => chunks.push(chunk));
    },
  }).catch((error: Error) => {
    throw new Error(`${file} is damaged or no backup: ${error.message}`);
  });
  try {
    if (fault !== undefined) throw new Error(fault);
    if (sizes.size === 0) throw new Error('it is empty');
    const manifest = parseManifest(Buffer.concat(chunks).toString('utf8'));
    sizes.delete(MANIFEST);
    for (const { name, size } of filesOf(manifest)) {
      if (sizes.get(name) !== size) throw new Error(`its ${name} is missing or cut off`);
      sizes.delete(name);
    }
    const [other] = sizes.keys();
    if (other !== undefined) throw new Error(`it holds ${other}, which its manifest doesn't name`);
    return manifest;
  } catch (error) {
    throw new Error(`${file} is damaged or no backup: ${(error as Error).message}`);
  }
}

/**
 * Unpacks a backup that `readArchive` has read into an empty folder, and compares every file to its checksum. Rejects with an Error
 * for people.
 */
export async function unpackArchive(file: string, manifest: Manifest, folder: string): Promise<void> {
  const files = filesOf(manifest);
  const names = new Set(files.map(({ name }) => name));
  await extract({
    file,
    cwd: folder,
    strict: true,
    preserveOwner: false,
    noMtime: true,
    filter: (path) => names.has(path),
  });
  for (const { name, sha256 } of files) {
    if ((await hashFile(join(folder, name), 'sha256')).hex !== sha256)
      throw new Error(`${file} is damaged: its ${name} is not what it was when the backup was made`);
  }
}
