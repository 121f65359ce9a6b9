import {
  chmod,
  chown,
  cp,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { diffLines } from '../text/diff.ts';
import type { Step } from './step.ts';

/** Who owns a file or folder, and what others may do with it. */
export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** A file with exactly this text. The old one is replaced at once, never half written. */
export function fileStep(path: string, text: string, mode = 0o644): Step {
  return {
    title: path,
    async look() {
      const before = await readFile(path, 'utf8').catch(noFile);
      if (before === text) return undefined;
      return {
        lines: diffLines(linesOf(before ?? ''), linesOf(text)),
        async apply() {
          await mkdir(dirname(path), { recursive: true });
          await writeFile(`${path}.new`, text, { mode });
          await rename(`${path}.new`, path);
        },
      };
    },
  };
}

/** No such file. */
export function noFileStep(path: string): Step {
  return {
    title: `no ${path}`,
    async look() {
      const before = await readFile(path, 'utf8').catch(noFile);
      if (before === undefined) return undefined;
      return { lines: diffLines(linesOf(before), []), apply: () => rm(path) };
    },
  };
}

/** No folder without anything in it; one with something in it stays. */
export function noEmptyFolderStep(path: string): Step {
  return {
    title: `no ${path}`,
    async look() {
      const entries = await readdir(path).catch(noFile);
      return entries?.length === 0
        ? { lines: ['removed, as it is empty'], apply: () => rmdir(path) }
        : undefined;
    },
  };
}

/** A folder with this ownership. With `all`, what lies in it has the same owner, as a service needs that ran as root before. */
export function folderStep(path: string, owner: () => Promise<Ownership>, all = false): Step {
  return {
    title: path,
    async look() {
      const found = await lstat(path).catch(noFile);
      if (found && !found.isDirectory()) throw new Error('it exists and is not a folder');
      const wanted = await owner();
      const lines: string[] = [];
      if (!found) lines.push('made');
      else if (found.uid !== wanted.uid || found.gid !== wanted.gid || (found.mode & 0o7777) !== wanted.mode)
        lines.push(`owner ${wanted.uid}:${wanted.gid}, mode ${wanted.mode.toString(8)}`);
      const foreign = found && all ? await foreignFiles(path, wanted) : [];
      if (foreign.length > 0)
        lines.push(`owner ${wanted.uid}:${wanted.gid} of ${foreign.length} files in it`);
      if (lines.length === 0) return undefined;
      return {
        lines,
        async apply() {
          await mkdir(path, { recursive: true });
          await chown(path, wanted.uid, wanted.gid);
          await chmod(path, wanted.mode);
          for (const file of foreign) await chown(file, wanted.uid, wanted.gid);
        },
      };
    },
  };
}

/** A folder that is copied from `source` when it isn't there, with `adapt` applied to the file of that name in it. */
export function copyStep(
  source: string,
  path: string,
  adapt: { readonly file: string; readonly text: (before: string) => string },
): Step {
  return {
    title: join(path, adapt.file),
    async look() {
      if ((await lstat(join(path, adapt.file)).catch(noFile)) !== undefined) return undefined;
      return {
        lines: [`copied from ${source}, with all beside it`],
        async apply() {
          const text = adapt.text(await readFile(join(source, adapt.file), 'utf8'));
          // What is there already was put there by somebody.
          await cp(source, path, { recursive: true, force: false });
          await writeFile(join(path, adapt.file), text);
        },
      };
    },
  };
}

async function foreignFiles(folder: string, { uid, gid }: Ownership): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const facts = await lstat(path);
    // A link is followed by chown(2), and may lead anywhere.
    if (!facts.isSymbolicLink() && (facts.uid !== uid || facts.gid !== gid)) found.push(path);
  }
  return found;
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

function noFile(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
