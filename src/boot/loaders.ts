/** How an answer must look for a kind of firmware to act on it (EDK2's PxeBcDhcp4.c, dnsmasq's rfc2131.c). */
export type ReplyStyle =
  /** Options 60 "PXEClient" and 43.6 = 8: no menu, no discovery, fetch the file. */
  | 'pxe'
  /** Neither 60 nor 43: EDK2 then takes `siaddr` and `file` as they are. */
  | 'plain'
  /** Option 60 "HTTPClient", and a URL instead of a file name. */
  | 'http';

/** One kind of firmware, and the loaders it can run. */
export interface LoaderRow {
  /** For people. */
  readonly firmware: string;
  /** Processor architecture types of option 93 (RFC 4578 §2.1 with its errata, IANA registry). */
  readonly architectures: readonly number[];
  readonly style: ReplyStyle;
  /** File names in the firmware folder; the first that is there is used. */
  readonly files: readonly string[];
}

const X64_FILES = ['snponly.efi', 'ipxe.efi', 'ipxe-amd64.efi'];
const IA32_FILES = ['snponly-i386.efi', 'ipxe-i386.efi'];
const ARM64_FILES = ['snponly-arm64.efi', 'ipxe-arm64.efi'];

/**
 * The loader table. snponly.efi comes before ipxe.efi because it drives the card with the firmware's own driver, which
 * has just proved to work. 7 and 9 are both x64: RFC 4578 and its erratum contradict each other, and so do vendors.
 */
export const LOADERS: readonly LoaderRow[] = [
  {
    firmware: 'BIOS',
    architectures: [0],
    style: 'pxe',
    files: ['undionly.kpxe', 'undionly.kkpxe', 'ipxe.pxe'],
  },
  { firmware: 'UEFI x64', architectures: [7, 9], style: 'plain', files: X64_FILES },
  { firmware: 'UEFI IA32', architectures: [6], style: 'plain', files: IA32_FILES },
  { firmware: 'UEFI arm64', architectures: [11], style: 'plain', files: ARM64_FILES },
  { firmware: 'UEFI HTTP x64', architectures: [16], style: 'http', files: X64_FILES },
  { firmware: 'UEFI HTTP IA32', architectures: [15], style: 'http', files: IA32_FILES },
  { firmware: 'UEFI HTTP arm64', architectures: [19], style: 'http', files: ARM64_FILES },
];
