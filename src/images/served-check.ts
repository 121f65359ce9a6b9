import { realpath } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { hashFile, sameDigest } from './digest.ts';
import { readManifest } from './manifest.ts';

/** A file that is about to be sent. */
export interface CheckedFile {
  /** Absolute, without symbolic links. */
  readonly path: string;
  /** Another one for another version of the file. */
  readonly etag: string;
  /** Bytes. */
  readonly size: number;
}

/** What is known of checked files, at most: far more than there are files of images. */
const MAX_KNOWN = 4096;

/** A file of an image is not what was pulled: it was written to since, or the disk has failed. */
export class DamagedFile extends Error {}

/**
 * Gives a function that checks a file below assets/ before it is sent for the first time, by what was written down when its image
 * was pulled; the same file is not read again for it. Files that nothing is known of pass. It rejects with DamagedFile for
 * one that is something else, and with the file system's error.
 * @param onDamage told once of each version of a file
 */
export function createServedCheck(
  assets: () => string,
  onDamage: (message: string) => void,
): (file: CheckedFile) => Promise<void> {
  const known = new Map<string, Promise<string | undefined>>();

  const check = async ({ path, size }: CheckedFile): Promise<string | undefined> => {
    const [family, version, ...rest] = relative(await realpath(assets()), path).split('/');
    if (family === undefined || version === undefined || family === '..') return undefined;
    const image = `${family}/${version}`;
    const manifest = await readManifest(join(assets(), image));
    const expected = manifest?.files.find(({ name }) => name === rest.join('/'));
    if (!expected) return undefined;
    const isRight =
      expected.size === size && sameDigest(await hashFile(path, expected.digest.algorithm), expected.digest);
    if (isRight) return undefined;
    const message = `${path} is not what was pulled as ${image}, so no machine gets it: pull or import the image again`;
    onDamage(message);
    return message;
  };

  return async (file) => {
    const key = `${file.path}\n${file.etag}`;
    let verdict = known.get(key);
    if (!verdict) {
      const oldest = known.size >= MAX_KNOWN ? known.keys().next().value : undefined;
      if (oldest !== undefined) known.delete(oldest);
      verdict = check(file);
      known.set(key, verdict);
      // What couldn't be read now is tried again when somebody asks again.
      verdict.catch(() => known.delete(key));
    }
    const message = await verdict;
    if (message !== undefined) throw new DamagedFile(message);
  };
}
