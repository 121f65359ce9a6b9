import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';

/** An image that nobody has used for so long is built again when somebody wants it, milliseconds. */
const KEPT = 14 * 86_400_000;

/** Notes that an image is used now (`now`: milliseconds since the epoch): the date of its folder is that of its last use. */
export async function noteUse(image: string, now: number): Promise<void> {
  await utimes(image, now / 1000, now / 1000);
}

/**
 * Removes the images of `cache` that were not used for two weeks before `now` (milliseconds since the epoch), with their
 * locks, and what builds that were killed left behind. Gives the names of the folders removed.
 */
export async function pruneImages(cache: string, now: number): Promise<string[]> {
  const entries = await readdir(cache, { withFileTypes: true });
  const pruned: string[] = [];
  for (const { name } of entries.filter((entry) => entry.isDirectory())) {
    const path = join(cache, name);
    // Another process may remove it in the meantime.
    const found = await stat(path).catch(() => undefined);
    if (!found || now - found.mtimeMs < KEPT) continue;
    await rm(path, { recursive: true, force: true });
    await rm(`${path}.lock`, { force: true });
    pruned.push(name);
  }
  return pruned;
}
