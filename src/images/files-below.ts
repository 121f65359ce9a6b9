import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** The paths of all plain files below a folder; names with a dot in front are left out. */
export async function filesBelow(folder: string, prefix = ''): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.'));
  const found = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      const facts = await lstat(path);
      if (facts.isDirectory()) return filesBelow(path, `${prefix}${name}/`);
      return facts.isFile() ? [prefix + name] : [];
    }),
  );
  return found.flat();
}
