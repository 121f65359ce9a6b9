import { readdirSync, readFileSync } from 'node:fs';
import { lasting } from './memory.ts';
import type { NodeFile } from './node.ts';
import type { Variables } from './variables.ts';

const FOLDER = new URL('../../node-files/', import.meta.url);

/** The scripts in node-files/, by file name. */
const SCRIPTS = new Map(
  readdirSync(FOLDER)
    .filter((name) => name.endsWith('.sh'))
    .map((name) => [name, readFileSync(new URL(name, FOLDER))]),
);

/** A script of node-files/ and where machines have it. */
export interface Script {
  readonly file: string;
  /** Outside /usr, which is read-only on CoreOS and its heirs. */
  readonly path: string;
}

/** Tells the provisioning server how far a machine is. Arguments: URL, stage, details. */
export const PHONE_HOME: Script = { file: 'phone-home.sh', path: '/opt/bin/rackseed-phone-home' };

/** By origin and path. */
const FILES = new Map<string, NodeFile>();

/** A script as a file of a node; the same object each time. */
export function scriptFile({ file, path }: Script, origin: string): NodeFile {
  const key = `${origin} ${path}`;
  const before = FILES.get(key);
  if (before) return before;
  const content = SCRIPTS.get(file);
  if (!content) throw new Error(`node-files/${file} is missing`);
  const made: NodeFile = lasting({ path, content, permissions: '0755', origin, secret: false });
  FILES.set(key, made);
  return made;
}

/** Where a machine reports how far it is. */
export function phoneHomeUrl({ server, machine }: Variables): string {
  return `${server.url}/phone-home/${machine.mac.replaceAll(':', '-')}`;
}
