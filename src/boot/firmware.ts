import { findRow, LOADERS, type LoaderRow } from './loaders.ts';

/** What a DHCP message says about the program that sent it. */
export interface FirmwareHints {
  /** `chaddr`, with colons and in lower case. */
  readonly mac?: string;
  /** Option 93, the client's first choice first. */
  readonly architectures: readonly number[];
  /** Option 60. */
  readonly vendorClass?: string;
  /** Option 77. */
  readonly userClass?: string;
  /** The tags in iPXE's option 175. */
  readonly ipxeFeatures?: ReadonlySet<number>;
}

/** Who is asking: iPXE that can go on by itself, firmware that needs a loader, or nobody who boots from the network. */
export type NetworkBooter =
  | { readonly kind: 'ipxe'; readonly name: 'iPXE' }
  | { readonly kind: 'firmware'; readonly name: string; readonly row: LoaderRow | undefined };

/** iPXE's feature tags (src/include/ipxe/features.h). */
const FEATURE = { http: 0x13, bzImage: 0x18, efi: 0x24 };

const BIOS = 0;

/**
 * Recognises firmware and iPXE; undefined for an operating system or a plain DHCP client. An iPXE without HTTP or without
 * support for Linux kernels, as found in network cards and VirtualBox, counts as firmware: it can only load a better one.
 * `rows` is the loader table.
 */
export function recognise(
  hints: FirmwareHints,
  rows: readonly LoaderRow[] = LOADERS,
): NetworkBooter | undefined {
  const { mac, vendorClass = '', ipxeFeatures: features } = hints;
  const ipxe = isIpxe(hints);
  if (ipxe && (!features || isCapable(features))) return { kind: 'ipxe', name: 'iPXE' };

  const speaksHttp = vendorClass.startsWith('HTTPClient');
  const architectures = hints.architectures.length > 0 ? hints.architectures : architectureIn(vendorClass);
  if (!ipxe && !speaksHttp && !vendorClass.startsWith('PXEClient') && hints.architectures.length === 0) {
    return undefined;
  }
  // A client that names no architecture is older than option 93.
  const candidates = architectures.length > 0 ? architectures : [BIOS];
  for (const code of candidates) {
    const row = findRow(rows, { architecture: code, vendorClass, ...(mac !== undefined && { mac }) });
    if (row) return { kind: 'firmware', name: ipxe ? `${row.firmware} iPXE` : row.firmware, row };
  }
  return { kind: 'firmware', name: `architecture ${candidates.join(', ')}`, row: undefined };
}

/** True for every iPXE, whatever it is able to load. */
export function isIpxe({ ipxeFeatures, userClass }: FirmwareHints): boolean {
  return ipxeFeatures !== undefined || userClass === 'iPXE';
}

function isCapable(features: ReadonlySet<number>): boolean {
  return features.has(FEATURE.http) && (features.has(FEATURE.bzImage) || features.has(FEATURE.efi));
}

/** The architecture in `PXEClient:Arch:00007:UNDI:003016`. */
function architectureIn(vendorClass: string): number[] {
  const digits = /:Arch:(\d{5})/.exec(vendorClass)?.[1];
  return digits === undefined ? [] : [Number(digits)];
}
