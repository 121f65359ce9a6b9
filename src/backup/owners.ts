import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The users and groups of a system, by name and by number. */
export interface Owners {
  readonly users: NameTable;
  readonly groups: NameTable;
}

/** Names and their numbers. */
export interface NameTable {
  nameOf(id: number): string | undefined;
  idOf(name: string): number | undefined;
}

/** Reads /etc/passwd and /etc/group of the system in the folder `root`. */
export async function readOwners(root = '/'): Promise<Owners> {
  const read = async (file: string) => readNames(await readFile(join(root, file), 'utf8').catch(() => ''));
  return { users: await read('etc/passwd'), groups: await read('etc/group') };
}

/** A table of `name:…:number:…` lines (passwd(5), group(5)). */
export function readNames(text: string): NameTable {
  const ids = new Map<string, number>();
  const names = new Map<number, string>();
  for (const line of text.split('\n')) {
    const [name = '', , id = ''] = line.split(':');
    if (name === '' || !/^\d+$/.test(id)) continue;
    if (!ids.has(name)) ids.set(name, Number(id));
    if (!names.has(Number(id))) names.set(Number(id), name);
  }
  return { nameOf: (id) => names.get(id), idOf: (name) => ids.get(name) };
}
