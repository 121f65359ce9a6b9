import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { Type } from 'typebox';
import { resolveAdmin } from '../config/admin.ts';
import { resolveCluster } from '../config/cluster.ts';
import { formatProblem } from '../config/problem.ts';
import { DEFAULTS, RackseedSchema } from '../config/schema.ts';
import { schemaChecker } from '../config/validate.ts';
import { resolveWebhooks } from '../config/webhooks.ts';
import { readYaml, YamlFile } from '../config/yaml.ts';
import { CONFIG } from './manifest.ts';

/** What belongs to a backup. */
export interface Sources {
  /** The folder of the store. */
  readonly store: string;
  /** Files and folders beside the store, each with its name in the archive. */
  readonly places: readonly Place[];
  /** Folders that stay out, though they may lie in one that doesn't: the store, which is copied by other means, and images. */
  readonly others: readonly string[];
  /** Files that the configuration names and that stay out, and why. */
  readonly leftOut: readonly LeftOut[];
}

/** A file or folder with all that is in it. */
export interface Place {
  readonly path: string;
  readonly name: string;
}

/** A file that stays out of a backup. */
export interface LeftOut {
  readonly path: string;
  readonly why: string;
}

const NAME = 'rackseed.yaml';
const SECTIONS = ['admin', 'assets', 'kubernetes', 'mirror', 'store', 'webhooks'] as const;
const checker = schemaChecker(Type.Partial(Type.Pick(RackseedSchema, SECTIONS)));

/**
 * What belongs to a backup of the configuration in `directory`. Only what names files is looked at: a mistake in a profile keeps
 * nobody from making a backup. Rejects with an Error for people when rackseed.yaml can't be read.
 */
export async function findSources(directory: string): Promise<Sources> {
  const config = resolve(directory);
  const text = await readFile(join(config, NAME), 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Error(
      `${join(config, NAME)} can't be read (${error.code}): name the folder of the configuration with --config`,
    );
  });
  const file = readYaml(NAME, text);
  if (!(file instanceof YamlFile)) throw new Error(formatProblem(file, config));
  const written = Object.fromEntries(
    Object.entries(file.value ?? {}).filter(([key]) => SECTIONS.some((section) => section === key)),
  );
  const [problem] = checker.problems(file, [], written);
  if (problem) throw new Error(formatProblem(problem, config));
  const sections = checker.decode(written) ?? {};
  const { admin = {}, kubernetes, mirror, webhooks = [] } = sections;

  const store = resolve(config, sections.store?.lmdb ?? DEFAULTS.lmdb);
  const { tls } = resolveAdmin(admin, config, store);
  const cluster = kubernetes && resolveCluster(kubernetes, config);
  const named = [
    cluster?.ca,
    cluster?.caKey,
    cluster?.kubeconfig,
    tls?.certificate,
    tls?.key,
    ...resolveWebhooks(webhooks, config).map(({ secretFile }) => secretFile),
    ...(mirror?.registries ?? []).map(({ password_file }) => password_file && resolve(config, password_file)),
  ].filter((path) => path !== undefined);
  return {
    store,
    others: [store, resolve(config, sections.assets?.directory ?? DEFAULTS.assets)],
    ...chooseFiles([...new Set(named)], { config, store, exists: existsSync }),
  };
}

/** Decides about the files that a configuration names. */
export function chooseFiles(
  named: readonly string[],
  { config, store, exists }: { config: string; store: string; exists: (path: string) => boolean },
): Pick<Sources, 'places' | 'leftOut'> {
  const bootCa = join(store, 'boot-ca');
  const places: Place[] = [{ path: config, name: CONFIG }];
  if (exists(bootCa)) places.push({ path: bootCa, name: 'store/boot-ca' });
  const leftOut: LeftOut[] = [];
  for (const path of named) {
    if (path.startsWith(config + sep) || path.startsWith(bootCa + sep)) continue;
    if (!exists(path)) leftOut.push({ path, why: 'there is no such file' });
    // kubeadm's folder: the CA's key goes with the control plane's other keys, and is restored with them.
    else if (exists(join(dirname(path), 'sa.key')))
      leftOut.push({ path, why: "it is the control plane's: back that up by its own means" });
    else places.push({ path, name: `files/${places.length}` });
  }
  return { places, leftOut };
}
