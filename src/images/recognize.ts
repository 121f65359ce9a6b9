import type { SignedFamily } from '../config/config.ts';
import { familyName } from '../config/image-family.ts';
import { SIGNED_FAMILIES } from '../config/images-schema.ts';
import { imageName } from './request.ts';

/** What files are, by their names. */
export interface Recognized {
  readonly family: string;
  /** Undefined when neither a name nor version.txt tells. */
  readonly version: string | undefined;
  /** Second names, by file. */
  readonly aliases: ReadonlyMap<string, string>;
}

/** Beside what they vouch for; not part of the image. */
const VOUCHER = /\.(?:sig|asc|DIGESTS|DIGESTS\.sig|DIGESTS\.asc)$/;

/** True for signatures and digests. */
export function isVoucher(name: string): boolean {
  return VOUCHER.test(name);
}

/**
 * Finds out from their names which release files are of. Pure.
 * @param versionText what version.txt holds, if there is one
 */
export function recognize(names: readonly string[], versionText: string | undefined): Recognized | undefined {
  for (const family of ['flatcar', 'coreos'] as const) {
    if (!names.some((name) => name.startsWith(`${family}_production_pxe`))) continue;
    const key = `${family.toUpperCase()}_VERSION`;
    const [, version] = new RegExp(`^${key}=["']?([\\w.+-]+)["']?\\s*$`, 'm').exec(versionText ?? '') ?? [];
    return { family, version, aliases: new Map() };
  }
  const parts = names.flatMap((name) => {
    const [, version, part, arch] = FEDORA_COREOS.exec(name) ?? [];
    return version === undefined || part === undefined ? [] : [{ name, version, part, arch }];
  });
  const [first] = parts;
  if (!first) return undefined;
  const aliases = new Map(parts.map(({ name, part }) => [name, FEDORA_ALIASES[part] ?? part] as const));
  const arch = first.arch === 'aarch64' ? 'arm64' : 'amd64';
  const [, version = ''] = imageName({ source: 'fedora-coreos', version: first.version, arch }).split('/');
  return { family: 'fedora-coreos', version, aliases };
}

const FEDORA_COREOS =
  /^fedora-coreos-(\d+(?:\.\d+){3})-live-(kernel|initramfs|rootfs)[-.](x86_64|aarch64)(?:\.img)?$/;
const FEDORA_ALIASES: Readonly<Record<string, string>> = {
  kernel: 'vmlinuz',
  initramfs: 'initrd.img',
  rootfs: 'rootfs.img',
};

/** The family of an image if its releases are signed, so that files of it are expected to come with signatures. */
export function signedFamily(image: string): SignedFamily | undefined {
  return SIGNED_FAMILIES.find((family) => family === familyName(image));
}
