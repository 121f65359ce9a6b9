import { join, resolve } from 'node:path';
import type { AdminInput } from './admin-schema.ts';
import { ADMIN_DEFAULTS } from './admin-schema.ts';
import type { AdminListen, AdminSettings } from './config.ts';
import type { Problem } from './problem.ts';
import type { YamlFile } from './yaml.ts';

/** Longest path of a unix socket that Linux takes (sun_path), bytes. */
const LONGEST_SOCKET = 107;

/**
 * The `admin` section of rackseed.yaml; its relative paths start in `directory`.
 * @param store the folder of the store, absolute
 */
export function resolveAdmin(
  { listen = ADMIN_DEFAULTS.listen, names = [], tls }: AdminInput,
  directory: string,
  store: string,
): AdminSettings {
  const isPlain = 'path' in listen || (isLoopback(listen) && !tls);
  return {
    listen,
    local: isPlain ? listen : { path: join(store, 'admin.sock') },
    names: names.map((name) => name.toLowerCase().replace(/\.$/, '')),
    ...(tls && {
      tls: { certificate: resolve(directory, tls.certificate), key: resolve(directory, tls.key) },
    }),
  };
}

/** What is wrong with the section as a whole. `holdsText` is true for a file that can be read and isn't empty. */
export function checkAdmin(
  main: YamlFile,
  { listen, local, tls }: AdminSettings,
  holdsText: (path: string) => boolean,
): Problem[] {
  const problems: Problem[] = [];
  const report = (path: readonly string[], message: string, expected: string) =>
    problems.push(main.problem(['admin', ...path], message, expected));
  if (tls && 'path' in listen)
    report(['tls'], 'is of no use on a unix socket', 'an address in listen, or no tls');
  for (const key of ['certificate', 'key'] as const) {
    const file = tls?.[key];
    if (file === undefined || holdsText(file)) continue;
    report(['tls', key], `${file} can't be read or is empty`, 'a PEM file');
  }
  if ('path' in local && Buffer.byteLength(local.path) > LONGEST_SOCKET) {
    const message = `${local.path} is too long for a unix socket`;
    if (local === listen) report(['listen'], message, `at most ${LONGEST_SOCKET} bytes`);
    else problems.push(main.problem(['store', 'lmdb'], message, 'a shorter path'));
  }
  return problems;
}

/** True for what only this host can reach. */
export function isLoopback(listen: AdminListen): boolean {
  return 'path' in listen || /^(?:127\.\d+\.\d+\.\d+|localhost|::1)$/.test(listen.host);
}
