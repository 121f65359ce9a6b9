import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config, ProfileBoot } from '../../config/config.ts';
import { readLibrary } from '../../images/library.ts';
import type { ShownImage } from './schemas.ts';

/** A folder of assets holds a handful of files; one that holds far more is not listed in full. */
const MAX_FILES = 1000;

/**
 * The images that profiles boot, by name: the files in their folders, and those that are named but aren't there. A folder
 * that can't be read counts as empty.
 */
export async function readImages({
  profiles,
  assets,
}: Pick<Config, 'profiles' | 'assets'>): Promise<ShownImage[]> {
  const named = new Map<string, { readonly profiles: string[]; readonly files: Set<string> }>();
  for (const { name, boot } of profiles.values()) {
    if (boot.kind !== 'image') continue;
    const image = named.get(boot.image) ?? { profiles: [], files: new Set() };
    image.profiles.push(name);
    for (const file of filesOf(boot)) image.files.add(file);
    named.set(boot.image, image);
  }
  const images = [...named].map(async ([name, { profiles: users, files: wanted }]) => {
    const folder = join(assets.directory, name);
    const files = await readFiles(folder);
    // A file may lie in a folder below, which is not listed.
    const elsewhere = [...wanted].filter((file) => !files.some((found) => found.name === file));
    const below = await Promise.all(elsewhere.map((file) => sizeOf(folder, file)));
    const found = below.filter((file) => file !== undefined);
    const missing = elsewhere.filter((file) => !found.some(({ name: present }) => present === file));
    return {
      name,
      files: [...files, ...found].sort(byName),
      profiles: users.sort(),
      missing: missing.sort(),
    };
  });
  return (await Promise.all(images)).sort(byName);
}

/** The same and what else is below assets/, with where each comes from. */
export async function readAllImages(
  config: Pick<Config, 'profiles' | 'assets' | 'firmware'>,
): Promise<ShownImage[]> {
  const [booted, { images }] = await Promise.all([readImages(config), readLibrary(config)]);
  const names = new Set(booted.map(({ name }) => name));
  const others = images
    .filter(({ name }) => !names.has(name))
    .map(async ({ name }) => ({
      name,
      files: (await readFiles(join(config.assets.directory, name))).sort(byName),
      profiles: [],
      missing: [],
    }));
  const all = [...booted, ...(await Promise.all(others))].map((image): ShownImage => {
    const stored = images.find(({ name, links }) => name === image.name || links.includes(image.name));
    if (!stored) return image;
    const { manifest, links, uses } = stored;
    return {
      ...image,
      ...(manifest && { origin: manifest.origin }),
      ...(manifest?.signedBy !== undefined && { signedBy: manifest.signedBy }),
      links: links.filter((link) => link !== image.name),
      uses: uses.map(({ what }) => what),
    };
  });
  return all.sort(byName);
}

function filesOf({ kernel, initrds, rootfs }: Extract<ProfileBoot, { readonly kind: 'image' }>): string[] {
  return [kernel, ...initrds, ...(rootfs === undefined ? [] : [rootfs])];
}

type SizedFile = ShownImage['files'][number];

async function readFiles(folder: string): Promise<SizedFile[]> {
  const files: SizedFile[] = [];
  try {
    for await (const { name } of await opendir(folder)) {
      if (files.length >= MAX_FILES) break;
      const file = name.startsWith('.') ? undefined : await sizeOf(folder, name);
      if (file) files.push(file);
    }
  } catch {
    return [];
  }
  return files;
}

async function sizeOf(folder: string, name: string): Promise<SizedFile | undefined> {
  const found = await stat(join(folder, name)).catch(() => undefined);
  return found?.isFile() ? { name, size: found.size } : undefined;
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}
