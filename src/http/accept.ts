import {
  DEFAULT_IGNITION_VERSION,
  IGNITION_VERSIONS,
  type IgnitionVersion,
} from '../provision/ignition-spec.ts';

const IGNITION_TYPE = 'application/vnd.coreos.ignition+json';

/**
 * Chooses the version of an Ignition configuration by a request's `Accept` header. Ignition names there the newest version
 * that it reads, and reads all older ones of the same number before the first dot. Undefined when it reads nothing of
 * what is written here; who names no version, as people with curl do, gets the usual one.
 */
export function chooseIgnitionVersion(accept: string | undefined): IgnitionVersion | undefined {
  const named = (accept ?? '').split(',').flatMap(versionOf);
  if (named.length === 0) return DEFAULT_IGNITION_VERSION;
  const newest = Math.max(...named.filter(([major]) => major === 3).map(([, minor]) => minor));
  return IGNITION_VERSIONS.findLast((version) => Number(version.split('.')[1]) <= newest);
}

/** Number before and after the first dot of the version that a media range names. */
function versionOf(range: string): [major: number, minor: number][] {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
  if (type !== IGNITION_TYPE) return [];
  return parameters.flatMap((parameter) => {
    const [, major, minor = '0'] = /^version="?(\d+)(?:\.(\d+))?/.exec(parameter) ?? [];
    return major === undefined ? [] : [[Number(major), Number(minor)] as [number, number]];
  });
}
