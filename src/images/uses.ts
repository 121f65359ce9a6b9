import { join, relative } from 'node:path';
import type { Config } from '../config/config.ts';

/** A link such as `flatcar/current`, and the image that it leads to now. */
export interface Following {
  readonly link: string;
  readonly image: string;
}

/** What of the configuration needs an image. */
export interface Use {
  /** For people: `profile worker`, `firmware.directory`. */
  readonly what: string;
  /** What it names: the image itself, or a link that leads to it. */
  readonly name: string;
}

/**
 * What in the configuration uses each image: profiles boot it, take a kubelet or what they preload from it, or firmware gets its loaders there.
 * Links are followed. Pure.
 */
export function usesOf(
  { profiles, firmware, assets }: Pick<Config, 'profiles' | 'firmware' | 'assets'>,
  followed: readonly Following[],
): ReadonlyMap<string, readonly Use[]> {
  const uses = new Map<string, Use[]>();
  const add = (name: string, what: string) => {
    const image = followed.find(({ link }) => link === name)?.image ?? name;
    const known = uses.get(image) ?? [];
    if (!known.some((use) => use.what === what)) uses.set(image, [...known, { what, name }]);
  };
  for (const { name, boot, kubernetes, preload = [] } of profiles.values()) {
    if (boot.kind === 'image') add(boot.image, `profile ${name}`);
    const { kubelet } = kubernetes ?? {};
    if (kubelet && kubelet.source !== 'image') add(`kubernetes/${kubelet.version}`, `profile ${name}`);
    for (const path of preload) add(path.split('/').slice(0, 2).join('/'), `profile ${name}`);
  }
  const loaders = relative(assets.directory, firmware.directory);
  if (!loaders.startsWith('..') && !loaders.startsWith('/')) {
    add(join(...loaders.split('/').slice(0, 2)), 'firmware.directory');
  }
  return uses;
}
