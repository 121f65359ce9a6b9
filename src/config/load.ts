import { readFileSync, statSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type ConfigResult, type ConfigText, checkConfig } from './check.ts';
import { compareProblems, type Problem } from './problem.ts';

/** The folders beside rackseed.yaml whose *.yaml files belong to the configuration. */
export const FOLDERS = ['profiles', 'machines'] as const;

/** What a configuration directory holds, and which of it could not be read. */
export interface ConfigFolder {
  readonly files: readonly ConfigText[];
  readonly problems: readonly Problem[];
}

/**
 * Reads and checks the configuration in `directory`: rackseed.yaml, profiles/*.yaml and machines/*.yaml.
 * What an administrator can get wrong is in `problems`, it throws for nothing of it.
 */
export async function loadConfig(directory: string): Promise<ConfigResult> {
  return checkFolder(directory, await readConfigFolder(directory));
}

/** The texts of the configuration in `directory`. Files whose name starts with a dot are left alone. */
export async function readConfigFolder(directory: string): Promise<ConfigFolder> {
  const root = resolve(directory);
  const files: ConfigText[] = [];
  const problems: Problem[] = [];
  const report = (file: string, message: string, expected?: string) =>
    problems.push({ file, path: '', message, ...(expected === undefined ? {} : { expected }) });
  const read = async (name: string) => {
    try {
      files.push({ name, text: await readFile(join(root, name), 'utf8') });
    } catch (error) {
      const hint = isMissing(error) ? '; write one, or name the folder that holds it with --config' : '';
      report(name, `can't be read: ${reason(error)}${hint}`);
    }
  };
  const list = async (folder: string): Promise<string[]> => {
    try {
      return (await readdir(join(root, folder))).filter((entry) => !entry.startsWith('.')).sort();
    } catch (error) {
      if (!isMissing(error)) report(folder, `can't be read: ${reason(error)}`);
      return [];
    }
  };
  await read('rackseed.yaml');
  for (const folder of FOLDERS) {
    for (const entry of await list(folder)) {
      const name = `${folder}/${entry}`;
      if (entry.endsWith('.yaml')) await read(name);
      else if (entry.endsWith('.yml')) report(name, 'is not read', 'a name that ends in .yaml');
    }
  }
  return { files, problems };
}

/** Checks what `readConfigFolder` read. */
export function checkFolder(directory: string, { files, problems }: ConfigFolder): ConfigResult {
  const result = checkConfig({ directory: resolve(directory), files, isDirectory, holdsText });
  if (problems.length === 0) return result;
  const others = result.ok ? [] : result.problems;
  return { ok: false, problems: [...problems, ...others].toSorted(compareProblems) };
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function holdsText(path: string): boolean {
  try {
    return readFileSync(path, 'utf8').trim() !== '';
  } catch {
    return false;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function reason(error: unknown): string {
  if (isMissing(error)) return 'there is no such file';
  return error instanceof Error ? error.message : String(error);
}
