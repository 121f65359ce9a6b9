import type { Profile } from '../config/config.ts';
import { familyName } from '../config/image-family.ts';
import type { Path } from '../config/problem.ts';
import { COREOS_SECTIONS } from './coreos-sections.ts';
import { checkIgnitionConfig } from './ignition-spec.ts';
import { isNetworkUnit } from './network-unit.ts';
import {
  coreosOf,
  isOpen,
  type PlacedEntry,
  writtenDropIns,
  writtenFiles,
  writtenUnits,
  writtenUsers,
} from './profile-entries.ts';

/** Something in a profile that its document's format has no words for. */
export interface Inexpressible {
  /** From the profile's root: `cloud_config.coreos.units[2].command`. */
  readonly path: Path;
  readonly message: string;
}

/** What of a profile Ignition can't express; empty when it can express all of it. Placeholders need not be filled. */
export function checkIgnition(profile: Profile): Inexpressible[] {
  return [
    ...checkImage(profile),
    ...checkHosts(profile),
    ...writtenFiles(profile).flatMap(checkFile),
    ...writtenUsers(profile).flatMap(checkUser),
    ...writtenUnits(profile).flatMap(checkUnit),
    ...checkCoreos(profile),
    ...checkFragment(profile.ignition),
  ];
}

/** Keys of a user that make coreos-cloudinit fetch public keys; no other format can do that. */
export const FETCHED_KEYS = [
  'coreos_ssh_import_github',
  'coreos_ssh_import_github_users',
  'coreos_ssh_import_url',
];

function checkImage({ boot }: Profile): Inexpressible[] {
  if (boot.kind !== 'image' || familyName(boot.image) !== 'coreos') return [];
  return [
    { path: ['boot', 'document'], message: 'Container Linux reads Ignition 2 at most: use cloud-config' },
  ];
}

function checkHosts({ cloudConfig }: Profile): Inexpressible[] {
  if (cloudConfig?.manage_etc_hosts === undefined || cloudConfig.hostname !== undefined) return [];
  const message = 'Ignition writes /etc/hosts before the system has a name: give cloud_config.hostname too';
  return [{ path: ['cloud_config', 'manage_etc_hosts'], message }];
}

/** What systemd covers with a fresh file system as the machine starts. */
const VOLATILE = /^\/(?:run|tmp|proc|sys|dev)(?:\/|$)/;

function checkFile({ path, entry }: PlacedEntry): Inexpressible[] {
  const problems: Inexpressible[] = [];
  const unreachable = checkPath(String(entry.path));
  if (unreachable) problems.push({ path: [...path, 'path'], message: unreachable });
  if (Number.parseInt(String(entry.permissions), 8) > 0o777) {
    const message = 'Ignition 3.3.0 leaves out setuid, setgid and sticky bits; set them from a unit';
    problems.push({ path: [...path, 'permissions'], message });
  }
  return problems;
}

function checkUser({ path, entry }: PlacedEntry): Inexpressible[] {
  return FETCHED_KEYS.filter((key) => entry[key] !== undefined).map((key) => ({
    path: [...path, key],
    message: 'Ignition fetches no public keys: write them into ssh_authorized_keys',
  }));
}

function checkPath(path: string): string | undefined {
  if (isOpen(path)) return undefined;
  if (!path.startsWith('/') || path.split('/').includes('..')) return `"${path}" is not an absolute path`;
  const [folder] = VOLATILE.exec(path) ?? [];
  return folder && `Ignition can't write below ${folder}, which is empty when the system starts; use a unit`;
}

const UNIT_NAME = /\.(?:service|socket|device|mount|automount|swap|target|path|timer|snapshot|slice|scope)$/;

function checkUnit(unit: PlacedEntry): Inexpressible[] {
  const { path, entry } = unit;
  const problems: Inexpressible[] = [];
  const name = String(entry.name);
  if (!isOpen(entry.name) && !UNIT_NAME.test(name) && !isNetworkUnit(name)) {
    problems.push({
      path: [...path, 'name'],
      message: `"${name}" doesn't end like a unit, such as .service`,
    });
  }
  if (entry.command === 'stop') {
    const message =
      'Ignition has no way to stop a unit: nothing runs yet; use mask: true to keep it from starting';
    problems.push({ path: [...path, 'command'], message });
  }
  for (const dropIn of writtenDropIns(unit)) {
    if (isOpen(dropIn.entry.name) || String(dropIn.entry.name).endsWith('.conf')) continue;
    problems.push({ path: [...dropIn.path, 'name'], message: 'the name of a drop-in must end in .conf' });
  }
  return problems;
}

function checkCoreos(profile: Profile): Inexpressible[] {
  const { boot } = profile;
  const fedora = boot.kind === 'image' && familyName(boot.image) === 'fedora-coreos';
  return Object.keys(coreosOf(profile)).flatMap((section) => {
    if (section === 'units' || (!fedora && COREOS_SECTIONS.includes(section))) return [];
    const message = fedora
      ? 'Fedora CoreOS has nothing that reads this; write its own files and units'
      : `only units, ${COREOS_SECTIONS.join(', ')} can be expressed in Ignition`;
    return [{ path: ['cloud_config', 'coreos', section], message }];
  });
}

/** Lists of the fragment's `storage` whose entries have a path on the machine. */
const PATHS = ['files', 'directories', 'links', 'filesystems'];

function checkPaths(storage: unknown, list: string): Inexpressible[] {
  const entries = (storage as Readonly<Record<string, unknown>> | undefined)?.[list];
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry: { path?: unknown } | null, index) => {
    const problem = typeof entry?.path === 'string' ? checkPath(entry.path) : undefined;
    return problem ? [{ path: ['storage', list, index, 'path'], message: problem }] : [];
  });
}

function checkFragment(fragment: Profile['ignition']): Inexpressible[] {
  if (!fragment) return [];
  const { kernelArguments, ...rest } = fragment;
  const version = (rest.ignition as { version?: unknown } | undefined)?.version;
  return [
    ...checkIgnitionConfig(rest),
    ...PATHS.flatMap((list) => checkPaths(rest.storage, list)),
    ...(kernelArguments === undefined
      ? []
      : [{ path: ['kernelArguments'], message: 'a network boot takes its kernel arguments from boot.args' }]),
    ...(typeof version === 'string' && !/^3\.[0-3]\.0$/.test(version)
      ? [{ path: ['ignition', 'version'], message: 'must be 3.0.0 to 3.3.0; leave it out' }]
      : []),
  ].map(({ path, message }) => ({ path: ['ignition', ...path], message }));
}
