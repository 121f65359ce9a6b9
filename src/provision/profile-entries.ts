import type { Profile } from '../config/config.ts';
import type { Path } from '../config/problem.ts';
import type { Entry } from './entries.ts';

/** An entry of one of the lists in a profile's document, and its place in the profile. */
export interface PlacedEntry {
  readonly path: Path;
  readonly entry: Entry;
}

/** The entries of `cloud_config.write_files`, as they are written: placeholders are not filled. */
export function writtenFiles({ cloudConfig }: Profile): PlacedEntry[] {
  return placed(cloudConfig?.write_files, ['cloud_config', 'write_files']);
}

/** The entries of `cloud_config.users`. */
export function writtenUsers({ cloudConfig }: Profile): PlacedEntry[] {
  return placed(cloudConfig?.users, ['cloud_config', 'users']);
}

/** The entries of `cloud_config.coreos.units`. */
export function writtenUnits(profile: Profile): PlacedEntry[] {
  return placed(coreosOf(profile).units, ['cloud_config', 'coreos', 'units']);
}

/** The entries of a unit's `drop_ins`. */
export function writtenDropIns({ path, entry }: PlacedEntry): PlacedEntry[] {
  return placed(entry.drop_ins, [...path, 'drop_ins']);
}

/** `cloud_config.coreos` */
export function coreosOf({ cloudConfig }: Profile): Entry {
  return asEntry(cloudConfig?.coreos);
}

/** True for text that is only known when its placeholders are filled. */
export function isOpen(value: unknown): boolean {
  return typeof value === 'string' && (value.includes('{{') || value.includes('{%'));
}

function placed(list: unknown, path: Path): PlacedEntry[] {
  if (!Array.isArray(list)) return [];
  return list.map((entry: unknown, index) => ({ path: [...path, index], entry: asEntry(entry) }));
}

function asEntry(value: unknown): Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Entry) : {};
}
