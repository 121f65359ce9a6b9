import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Profile, ProfileBoot } from '../config/config.ts';
import { familyName } from '../config/image-family.ts';
import { isImageName } from './request.ts';

type ImageBoot = Extract<ProfileBoot, { readonly kind: 'image' }>;

const CURRENT = /^[^/]+\/current(?:-[a-z0-9]+)?$/;

/** Profiles with a link's version in its place, by profile; the same object as long as the link leads there. */
const pinned = new WeakMap<Profile, Profile>();

/**
 * A profile whose image is a link, such as `flatcar/current`, with the version that it leads to now in its place. All of a
 * machine's script is made from that, so no boot gets a kernel of one version and an initrd of another. A link that leads
 * nowhere is left as it is.
 */
export function pinImage(profile: Profile, assets: string): Profile {
  const { boot } = profile;
  if (boot.kind !== 'image' || !CURRENT.test(boot.image)) return profile;
  const version = readLink(join(assets, boot.image));
  const image = `${familyName(boot.image)}/${version}`;
  if (version === undefined || !isImageName(image)) return profile;
  const known = pinned.get(profile);
  if (known?.boot.kind === 'image' && known.boot.image === image) return known;
  const found: Profile = { ...profile, boot: { ...boot, image, followed: boot.image } };
  pinned.set(profile, found);
  return found;
}

/**
 * The file of an image that a path below assets/ is, such as its kernel; undefined for any other path. Of an image that follows
 * a link any version counts: a machine goes on with the one that its script named when the link is moved.
 */
export function bootFileAt(
  { image, followed, kernel, initrds }: ImageBoot,
  path: string,
): string | undefined {
  const isIn = (folder: string) => [kernel, ...initrds].find((file) => path === `${folder}/${file}`);
  if (followed === undefined) return isIn(image);
  const folder = path.split('/').slice(0, 2).join('/');
  return familyName(folder) === familyName(followed) && isImageName(folder) ? isIn(folder) : undefined;
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
