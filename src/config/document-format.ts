import type { DocumentFormat, Profile } from './config.ts';

/** The format of the document that a machine with this profile reads; undefined when there is nothing to tell it. */
export function documentOf(profile: Profile): DocumentFormat | undefined {
  if (profile.boot.kind !== 'image') return undefined;
  const { document } = profile.boot;
  const fragments = {
    'cloud-config': undefined,
    ignition: profile.ignition,
    'cloud-init': profile.cloudInit,
  };
  const sections = [
    profile.cloudConfig,
    profile.dockerDisk,
    profile.preload,
    profile.kubernetes,
    fragments[document],
  ];
  return sections.some((section) => section !== undefined) ? document : undefined;
}
