import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config, MirrorSettings, Network } from '../config/config.ts';
import { proxyEnvironment } from '../mirror/environment.ts';
import { answers, isReachable } from '../mirror/probe.ts';
import { findProgram, INSTALL, PROGRAM } from '../mirror/program.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import type { ServedPort } from './ports.ts';

/**
 * Whether registries can be mirrored: the program is there, each registry can be reached and, when the service runs, its mirror
 * answers. Nothing when no mirror is configured. `path` has the folders of programs.
 */
export async function checkMirror(
  config: Pick<Config, 'mirror' | 'proxy' | 'networks' | 'store'>,
  runs: boolean,
  path = process.env.PATH,
): Promise<Finding[]> {
  const { mirror } = config;
  if (!mirror) return [];
  const program = await findProgram(PROGRAM, path);
  if (program === undefined) return [fail('mirror', `${PROGRAM} is not installed`, INSTALL)];
  const registries = await Promise.all(
    mirror.registries.map(async (registry) => [
      await checkRegistry(registry, config),
      ...(runs ? [await checkAnswer(mirror.network, registry, config)] : []),
    ]),
  );
  return [ok('mirror', program), ...registries.flat()];
}

/** The ports at which a mirror answers the machines of a network. */
export function mirrorPorts(mirror: MirrorSettings | undefined, network: Network): ServedPort[] {
  if (mirror?.network !== network.name) return [];
  return mirror.registries.map(({ name, port }) => ({ protocol: 'tcp', port, service: `mirror of ${name}` }));
}

type Registry = MirrorSettings['registries'][number];

async function checkRegistry({ name, url }: Registry, { proxy }: Pick<Config, 'proxy'>): Promise<Finding> {
  const subject = `registry ${name}`;
  if (await isReachable(url, proxyEnvironment(proxy, process.env))) return ok(subject, `${url} answers`);
  const advice =
    'its mirror gives what it has pulled before; if there is a proxy on the way, name it in rackseed.yaml';
  return warn(subject, `${url} can't be reached`, advice);
}

async function checkAnswer(
  networkName: string,
  { name, port }: Registry,
  { networks, store }: Pick<Config, 'networks' | 'store'>,
): Promise<Finding> {
  const subject = `mirror of ${name}`;
  const network = networks.find((candidate) => candidate.name === networkName);
  const host = network ? formatIpv4(network.address) : '';
  const file = join(store.directory, 'boot-ca/ca.crt');
  const ca = await readFile(file, 'utf8').catch(() => undefined);
  if (ca === undefined) return warn(subject, `${file} can't be read`, 'ask again as root');
  if (await answers(host, port, ca)) return ok(subject, `it answers at ${host}:${port}`);
  return fail(
    subject,
    `nothing answers at ${host}:${port} as it should`,
    'look at the log of the service, and at what else has the port',
  );
}

/** Whether the archives that profiles preload are in the assets folder. */
export async function checkPreloads({
  profiles,
  assets,
}: Pick<Config, 'profiles' | 'assets'>): Promise<Finding[]> {
  const users = new Map<string, string[]>();
  for (const { name, preload = [] } of profiles.values()) {
    for (const path of preload) users.set(path, [...(users.get(path) ?? []), name]);
  }
  return Promise.all(
    [...users].map(async ([path, names]) => {
      const subject = `archive ${path}`;
      const size = await stat(join(assets.directory, path)).then(
        (found) => (found.isFile() ? found.size : 0),
        () => 0,
      );
      if (size > 0) return ok(subject, `${size} bytes, for profile ${names.join(', ')}`);
      const advice = `put it into ${assets.directory}: until then these machines get no document`;
      return fail(subject, `it is missing or empty, for profile ${names.join(', ')}`, advice);
    }),
  );
}
