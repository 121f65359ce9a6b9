/** What a client says of itself to one vendor, or asks of it: an entry of option 124 or 125 (RFC 3925). */
export interface VendorEntry {
  /** IANA's private enterprise number: 9 is Cisco's. */
  readonly enterprise: number;
  /** In option 124 the classes, in option 125 the values of sub-options. */
  readonly values: readonly Uint8Array[];
}

const HEADER = 5;

/** The entries of option 124: each an enterprise number and classes (RFC 3925 §3). What runs past its entry is left out. */
export function readVendorClasses(option: Uint8Array): VendorEntry[] {
  return readEntries(option, 0);
}

/** The entries of option 125: each an enterprise number and sub-options (RFC 3925 §4). What runs past its entry is left out. */
export function readVendorOptions(option: Uint8Array): VendorEntry[] {
  return readEntries(option, 1);
}

/** `codeLength` bytes stand before the length of each value. */
function readEntries(option: Uint8Array, codeLength: 0 | 1): VendorEntry[] {
  const view = new DataView(option.buffer, option.byteOffset, option.byteLength);
  const entries: VendorEntry[] = [];
  for (let at = 0; at + HEADER <= option.length; ) {
    const end = at + HEADER + view.getUint8(at + 4);
    if (end > option.length) break;
    const values: Uint8Array[] = [];
    for (let value = at + HEADER; value + codeLength < end; ) {
      const start = value + codeLength + 1;
      value = start + view.getUint8(start - 1);
      if (value <= end) values.push(option.subarray(start, value));
    }
    entries.push({ enterprise: view.getUint32(at), values });
    at = end;
  }
  return entries;
}
