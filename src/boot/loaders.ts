/** How an answer must look for a kind of firmware to act on it (EDK2's PxeBcDhcp4.c, dnsmasq's rfc2131.c). */
export type ReplyStyle = (typeof REPLY_STYLES)[number];

/**
 * `pxe`: options 60 "PXEClient" and 43.6 = 8: no menu, no discovery, fetch the file · `plain`: neither 60 nor 43: EDK2 then
 * takes `siaddr` and `file` as they are · `http`: option 60 "HTTPClient", and a URL instead of a file name · `raspberry-pi`:
 * options 60 and 43 with the one menu entry, "Raspberry Pi Boot", that a Pi's boot ROM looks for.
 */
export const REPLY_STYLES = ['pxe', 'plain', 'http', 'raspberry-pi'] as const;

/** One kind of firmware, and the loaders it can run. */
export interface LoaderRow {
  /** For people. */
  readonly firmware: string;
  /** Processor architecture types of option 93 (RFC 4578 §2.1 with its errata, IANA registry); any, when absent. */
  readonly architectures?: readonly number[];
  /** What option 60 begins with. */
  readonly vendorClass?: string;
  /** What the hardware address begins with, one of them: `dc:a6:32`. */
  readonly macPrefixes?: readonly string[];
  readonly style: ReplyStyle;
  /** Paths in the firmware folder, or names of files that are made (`extlinux.conf`); the first that is there is used. */
  readonly files: readonly string[];
}

/** The configuration for a boot loader that reads PXELINUX's format and asks for the file that DHCP names. */
export const PXELINUX_FILE = 'extlinux.conf';

/** The name in a distribution's package, and the path in iPXE's own release (ipxeboot.tar.gz, unpacked as it is). */
const X64_FILES = ['snponly.efi', 'x86_64/snponly.efi', 'ipxe.efi', 'x86_64/ipxe.efi', 'ipxe-amd64.efi'];
const IA32_FILES = ['snponly-i386.efi', 'i386/snponly.efi', 'ipxe-i386.efi', 'i386/ipxe.efi'];
const ARM64_FILES = ['snponly-arm64.efi', 'arm64/snponly.efi', 'ipxe-arm64.efi', 'arm64/ipxe.efi'];

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
  { firmware: 'U-Boot arm32', architectures: [21], style: 'plain', files: [PXELINUX_FILE] },
  { firmware: 'U-Boot arm64', architectures: [22], style: 'plain', files: [PXELINUX_FILE] },
];

/** Architecture types of firmware that boots by HTTP (IANA registry). */
const HTTP_ARCHITECTURES: ReadonlySet<number> = new Set([15, 16, 17, 18, 19, 20, 23, 24, 26, 28, 30, 38, 40]);
const BIOS = 0;

/** True when firmware of this architecture type fetches its loader by HTTP. */
export function bootsByHttp(architecture: number): boolean {
  return HTTP_ARCHITECTURES.has(architecture);
}

/** The style in which firmware of these architecture types is answered, unless somebody knows better. */
export function usualStyle(architectures: readonly number[]): ReplyStyle {
  if (architectures.some(bootsByHttp)) return 'http';
  return architectures.includes(BIOS) ? 'pxe' : 'plain';
}

/** What a row is looked up by. */
export interface RowClient {
  /** With colons, in lower case. */
  readonly mac?: string;
  readonly architecture: number;
  readonly vendorClass: string;
}

/** The first row for a client; one that boots by HTTP gets only rows for HTTP, and nobody else does. */
export function findRow(
  rows: readonly LoaderRow[],
  { mac = '', architecture, vendorClass }: RowClient,
): LoaderRow | undefined {
  const speaksHttp = vendorClass.startsWith('HTTPClient');
  return rows.find(
    (row) =>
      (row.style === 'http') === speaksHttp &&
      (row.architectures?.includes(architecture) ?? true) &&
      vendorClass.startsWith(row.vendorClass ?? '') &&
      (row.macPrefixes?.some((prefix) => mac.startsWith(prefix)) ?? true),
  );
}
