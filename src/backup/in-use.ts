import { readdir, readlink, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** The processes that have a file open, by their numbers. Root sees all of them, others see their own. */
export async function holdersOf(path: string): Promise<number[]> {
  const wanted = await stat(path).catch(() => undefined);
  if (!wanted) return [];
  const holders: number[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const folder = join('/proc', pid, 'fd');
    for (const fd of await readdir(folder).catch(() => [])) {
      const link = join(folder, fd);
      const leadsTo = await readlink(link).catch(() => '');
      // Most are sockets and other files: their names tell, and asking after each would take long.
      if (basename(leadsTo) !== basename(path)) continue;
      const found = await stat(link).catch(() => undefined);
      if (found?.dev !== wanted.dev || found.ino !== wanted.ino) continue;
      holders.push(Number(pid));
      break;
    }
  }
  return holders;
}
