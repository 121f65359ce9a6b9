import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Type } from 'typebox';
import { resolveAdmin } from './admin.ts';
import type { AdminSettings } from './config.ts';
import { formatProblem } from './problem.ts';
import { DEFAULTS, RackseedSchema } from './schema.ts';
import { schemaChecker } from './validate.ts';
import { readYaml, YamlFile } from './yaml.ts';

const NAME = 'rackseed.yaml';
const checker = schemaChecker(Type.Partial(Type.Pick(RackseedSchema, ['admin', 'store'])));

/**
 * The admin section of the configuration in `directory`, and hardly anything else of it: a command can ask a service that runs while
 * somebody has a mistake in a profile. Throws an Error for people when the section can't be read.
 */
export async function readAdminSettings(directory: string): Promise<AdminSettings> {
  const path = join(directory, NAME);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Error(
      `${path} can't be read (${error.code}), so it isn't known where the service is: name its folder with --config, or its address with --server`,
    );
  });
  const file = readYaml(NAME, text);
  if (!(file instanceof YamlFile)) throw new Error(formatProblem(file, directory));
  const written = sectionsOf(file.value);
  const [problem] = checker.problems(file, [], written);
  if (problem) throw new Error(formatProblem(problem, directory));
  const { admin = {}, store } = checker.decode(written) ?? {};
  return resolveAdmin(admin, resolve(directory), resolve(directory, store?.lmdb ?? DEFAULTS.lmdb));
}

function sectionsOf(value: unknown): object {
  const sections = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return Object.fromEntries(sections.filter(([key]) => key === 'admin' || key === 'store'));
}
