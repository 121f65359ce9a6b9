import type { DocumentFormat } from './config.ts';

/** What images of one make have in common. */
export interface ImageFamily {
  /** File name of the kernel; undefined when every release names it differently. */
  readonly kernel?: string;
  readonly initrd?: string;
  /** True when the initrd downloads the root file system, unless that is an initrd itself. */
  readonly needsRootfs: boolean;
  /** The document the image reads. */
  readonly document: DocumentFormat;
}

const plain = { kernel: 'vmlinuz', initrd: 'initrd.img', needsRootfs: false } as const;
const cloudInit: ImageFamily = { ...plain, document: 'cloud-init' };

/** By the first folder of an image's path. */
const FAMILIES: Readonly<Record<string, ImageFamily>> = {
  flatcar: {
    kernel: 'flatcar_production_pxe.vmlinuz',
    initrd: 'flatcar_production_pxe_image.cpio.gz',
    needsRootfs: false,
    document: 'cloud-config',
  },
  coreos: {
    kernel: 'coreos_production_pxe.vmlinuz',
    initrd: 'coreos_production_pxe_image.cpio.gz',
    needsRootfs: false,
    document: 'cloud-config',
  },
  'fedora-coreos': { needsRootfs: true, document: 'ignition' },
  almalinux: cloudInit,
  atomic: cloudInit,
  centos: cloudInit,
  debian: cloudInit,
  fedora: cloudInit,
  rhel: cloudInit,
  rocky: cloudInit,
  ubuntu: cloudInit,
};

/** The names of all families that are known. */
export const FAMILY_NAMES: readonly string[] = Object.keys(FAMILIES);

/** The name of an image's family, the first folder of its path: `flatcar`. It need not be one that is known. */
export function familyName(image: string): string {
  return image.split('/')[0] ?? '';
}

/** The family of an image, which the first folder of its path names; others are taken for homemade CoreOS-like ones. */
export function imageFamily(image: string): ImageFamily {
  return FAMILIES[familyName(image)] ?? { ...plain, document: 'cloud-config' };
}
