import type { Profile } from '../config/config.ts';
import { familyName } from '../config/image-family.ts';
import type { Path } from '../config/problem.ts';
import { FETCHED_KEYS, type Inexpressible } from './check-ignition.ts';
import { coreosOf, type PlacedEntry, writtenFiles, writtenUsers } from './profile-entries.ts';

/** What of a profile cloud-init can't express; empty when it can express all of it. Placeholders need not be filled. */
export function checkCloudInit(profile: Profile): Inexpressible[] {
  return [
    ...checkImage(profile),
    ...writtenFiles(profile).flatMap(checkOwner),
    ...writtenUsers(profile).flatMap(checkUser),
    ...Object.keys(coreosOf(profile))
      .filter((section) => section !== 'units')
      .map((section) => ({
        path: ['cloud_config', 'coreos', section],
        message: 'only CoreOS and Flatcar have what reads this; write its own files and units',
      })),
    ...checkFragment(profile.cloudInit),
  ];
}

const WITHOUT_CLOUD_INIT: Readonly<Record<string, string>> = {
  coreos: 'Container Linux',
  flatcar: 'Flatcar',
  'fedora-coreos': 'Fedora CoreOS',
};

function checkImage({ boot }: Profile): Inexpressible[] {
  const system = boot.kind === 'image' ? WITHOUT_CLOUD_INIT[familyName(boot.image)] : undefined;
  return system ? [{ path: ['boot', 'document'], message: `${system} has no cloud-init` }] : [];
}

function checkOwner({ path, entry }: PlacedEntry): Inexpressible[] {
  if (typeof entry.owner !== 'string' || !/(?:^|:)\d+(?::|$)/.test(entry.owner)) return [];
  const message = 'cloud-init knows owners by name only; it would stop writing files here';
  return [{ path: [...path, 'owner'], message }];
}

function checkUser({ path, entry }: PlacedEntry): Inexpressible[] {
  return FETCHED_KEYS.filter((key) => entry[key] !== undefined).map((key) => ({
    path: [...path, key],
    message: 'use ssh_authorized_keys, or ssh_import_id of a user in cloud_init.users',
  }));
}

/** Keys of the fragment that are merged with what we write, and so must be what cloud-init says they are. */
const LISTS = ['bootcmd', 'runcmd', 'users', 'write_files'];

function checkFragment(fragment: Profile['cloudInit']): Inexpressible[] {
  return LISTS.flatMap((key) => {
    const value = fragment?.[key];
    const path: Path = ['cloud_init', key];
    if (value === undefined) return [];
    if (!Array.isArray(value)) return [{ path, message: 'must be a list' }];
    if (key !== 'write_files') return [];
    return value.flatMap((entry: unknown, index) =>
      typeof entry === 'object' && entry !== null && 'path' in entry
        ? []
        : [{ path: [...path, index], message: 'path is missing' }],
    );
  });
}
