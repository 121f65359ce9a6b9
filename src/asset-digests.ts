import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hashFile } from './images/digest.ts';

/** Files whose digests are remembered, at most. */
const CAPACITY = 256;

/**
 * Gives a function for the SHA-256 (hexadecimal) of a file below assets/. A file is read once for as long as it is the same by its size, its
 * times and its inode, however many ask. It rejects with an Error for people when the file can't be read.
 */
export function createAssetDigests(assets: () => string): (path: string) => Promise<string> {
  const known = new Map<string, { readonly version: string; readonly hex: Promise<string> }>();
  return async (name) => {
    const path = join(assets(), name);
    try {
      const { ino, size, mtimeMs, ctimeMs } = await stat(path);
      const version = [ino, size, mtimeMs, ctimeMs].join(' ');
      let digest = known.get(path);
      if (digest?.version !== version) {
        digest = { version, hex: hashFile(path, 'sha256').then(({ hex }) => hex) };
        known.delete(path);
        known.set(path, digest);
        const [oldest] = known.keys();
        if (known.size > CAPACITY && oldest !== undefined) known.delete(oldest);
      }
      return await digest.hex;
    } catch (error) {
      known.delete(path);
      throw new Error(
        `${path} can't be read (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`,
      );
    }
  };
}
