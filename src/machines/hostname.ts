/** Longest DNS-1123 label less a hyphen and the digits of an index. */
const STEM_LENGTH = 63 - 8;

/** What the names of a profile's machines begin with: the profile's name, made part of a DNS-1123 label. */
export function hostnameStem(profile: string): string {
  return profile.toLowerCase().replace(/[._]/g, '-').slice(0, STEM_LENGTH);
}

/** `worker-01`: the name of a machine without one of its own, after profile and index. */
export function indexedHostname(profile: string, index: number): string {
  return `${hostnameStem(profile)}-${String(index).padStart(2, '0')}`;
}

/** The index that a name given by hand speaks of: 3 for `worker-03` and profile worker; undefined for other names. */
export function indexInHostname(profile: string, hostname: string): number | undefined {
  const [, digits] = /-(\d{2,7})$/.exec(hostname) ?? [];
  const index = Number(digits);
  return index > 0 && indexedHostname(profile, index) === hostname ? index : undefined;
}
