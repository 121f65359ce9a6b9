import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** The program that mirrors: https://distribution.github.io/distribution/ as Debian and Ubuntu package it. */
export const PROGRAM = 'docker-registry';

/** What to do when it isn't there. The package's own service would answer on port 5000 of every interface. */
export const INSTALL = `install it: apt install ${PROGRAM} && systemctl disable --now ${PROGRAM}`;

/** Where the program is in the folders of `path` (PATH); undefined when it is in none. */
export async function findProgram(name: string, path: string | undefined): Promise<string | undefined> {
  for (const folder of (path ?? '/usr/bin:/bin').split(delimiter)) {
    const file = join(folder, name);
    const isThere = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return file;
  }
  return undefined;
}
