import { join, resolve } from 'node:path';
import type { MirrorSettings, Network } from './config.ts';
import { LEAST_MIRROR, MIRROR_DEFAULTS, type MirrorInput } from './mirror-schema.ts';
import type { Path, Problem } from './problem.ts';
import type { YamlFile } from './yaml.ts';

/** Docker's own registry goes by another name than its server. */
const SERVERS: Readonly<Record<string, string>> = { 'docker.io': 'https://registry-1.docker.io' };

/** Folders in which relative paths start: that of the configuration, and that of the store. */
interface Folders {
  readonly directory: string;
  readonly store: string;
}

/**
 * The `mirror` section of rackseed.yaml. `networks` are those that make sense; undefined when the section names none of
 * them, which `checkMirror` tells.
 */
export function resolveMirror(
  input: MirrorInput,
  networks: readonly Network[],
  { directory, store }: Folders,
): MirrorSettings | undefined {
  const network = networkOf(input, networks);
  if (!network) return undefined;
  return {
    network: network.name,
    registries: input.registries.map(({ name, port, url, username, password_file }) => ({
      name,
      port,
      url: (url ?? SERVERS[name] ?? `https://${name}`).replace(/\/+$/, ''),
      ...(username !== undefined &&
        password_file !== undefined && {
          login: { username, passwordFile: resolve(directory, password_file) },
        }),
    })),
    size: input.size ?? MIRROR_DEFAULTS.size,
    directory: join(store, 'mirror'),
  };
}

/** What else is known when a mirror is checked. */
interface Surroundings {
  readonly networks: readonly Network[];
  /** False when some network could not be read. */
  readonly complete: boolean;
  /** Where the configuration lies, absolute. */
  readonly directory: string;
  /** True when there is a file at this absolute path that can be read and isn't empty. */
  readonly holdsText: (path: string) => boolean;
}

/** What is wrong with the section beyond its form. No message repeats a URL that holds a password. */
export function checkMirror(main: YamlFile, input: MirrorInput, around: Surroundings): Problem[] {
  const problems: Problem[] = [];
  const report = (path: Path, message: string, expected: string) =>
    void problems.push(main.problem(['mirror', ...path], message, expected));
  const network = networkOf(input, around.networks);
  if (!network && around.complete) {
    const names = around.networks.map(({ name }) => name).join(', ');
    if (input.network === undefined)
      report(['network'], 'is missing beside several networks', `one of ${names}`);
    else report(['network'], `there is no network ${input.network}`, `one of ${names}`);
  }
  if (input.size !== undefined && input.size < LEAST_MIRROR) {
    report(['size'], `is too little for images (${input.size} bytes)`, 'at least 1GiB');
  }
  for (const [index, registry] of input.registries.entries()) {
    const before = input.registries.slice(0, index);
    const place = (key: string) => ['registries', index, key];
    const sameName = before.findIndex(({ name }) => name === registry.name);
    if (sameName >= 0)
      report(place('name'), `${registry.name} is mirror.registries[${sameName}] too`, 'each registry once');
    const samePort = before.findIndex(({ port }) => port === registry.port);
    if (samePort >= 0) {
      report(
        place('port'),
        `${registry.port} is the port of mirror.registries[${samePort}] too`,
        'a port of its own',
      );
    }
    if (network && [network.http.port, network.https.port].includes(registry.port)) {
      report(
        place('port'),
        `machines of ${network.name} fetch other things at ${registry.port}`,
        'a port of its own',
      );
    }
    checkUrl(registry.url, (message, expected) => report(place('url'), message, expected));
    checkLogin(registry, around, (key, message, expected) => report(place(key), message, expected));
  }
  return problems;
}

function networkOf({ network: wanted }: MirrorInput, networks: readonly Network[]): Network | undefined {
  if (wanted !== undefined) return networks.find(({ name }) => name === wanted);
  return networks.length === 1 ? networks[0] : undefined;
}

function checkUrl(url: string | undefined, report: (message: string, expected: string) => void): void {
  if (url === undefined) return;
  const { username, password, pathname, search } = new URL(url);
  if (username !== '' || password !== '') {
    report('has a user name or a password in it', 'a URL without, and username with password_file');
  } else if (pathname !== '/' || search !== '') {
    report(
      'has something behind the host',
      'a registry at the root of its server: https://registry.example.com',
    );
  }
}

function checkLogin(
  { url, username, password_file: file }: MirrorInput['registries'][number],
  { directory, holdsText }: Surroundings,
  report: (key: string, message: string, expected: string) => void,
): void {
  if (username !== undefined && file === undefined) {
    report('password_file', 'is missing, but there is a username', "the file with that user's password");
  }
  if (file === undefined) return;
  if (username === undefined)
    report('username', 'is missing, but there is a password_file', 'whose password it is');
  const path = resolve(directory, file);
  if (!holdsText(path))
    report('password_file', `${path} can't be read or is empty`, 'a file with the password in it');
  if (url?.toLowerCase().startsWith('http:')) {
    report('url', 'would send the password over the network as it is', 'a URL that begins with https://');
  }
}
