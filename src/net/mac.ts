declare const brand: unique symbol;

/** A 48-bit hardware address in canonical form: lower case, colons (`52:54:00:12:34:56`). */
export type Mac = string & { readonly [brand]: 'Mac' };

const SEPARATED = /^([0-9a-f]{2})([:-])(?:[0-9a-f]{2}\2){4}[0-9a-f]{2}$/i;
const BARE = /^(?:[0-9a-f]{12}|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4})$/i;

/**
 * Reads a hardware address written with colons, hyphens, Cisco dots or nothing between its bytes.
 * Returns undefined for anything else.
 */
export function parseMac(text: string): Mac | undefined {
  if (!SEPARATED.test(text) && !BARE.test(text)) return undefined;
  const digits = text.replace(/[:.-]/g, '').toLowerCase();
  return digits.replace(/(..)(?=.)/g, '$1:') as Mac;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** A byte as two digits. */
export function hexByte(byte: number): string {
  return HEX[byte] ?? '';
}

/** The hardware address in the six bytes of `bytes` that start at `offset`. */
export function macFromBytes(bytes: Uint8Array, offset = 0): Mac {
  const hex = (index: number) => HEX[bytes[offset + index] ?? 0];
  return `${hex(0)}:${hex(1)}:${hex(2)}:${hex(3)}:${hex(4)}:${hex(5)}` as Mac;
}

/** The six bytes of a hardware address. */
export function macToBytes(mac: Mac): Uint8Array {
  const bytes = new Uint8Array(6);
  writeMac(mac, bytes, 0);
  return bytes;
}

/** Writes the six bytes of a hardware address into `bytes` from `offset` on. */
export function writeMac(mac: Mac, bytes: Uint8Array, offset: number): void {
  for (let index = 0; index < 6; index += 1) {
    bytes[offset + index] = digit(mac, 3 * index) * 16 + digit(mac, 3 * index + 1);
  }
}

/** The value of the hexadecimal digit at `index`: the letters lie 39 above what would follow the 9. */
function digit(mac: Mac, index: number): number {
  const code = mac.charCodeAt(index) - 48;
  return code > 9 ? code - 39 : code;
}

/** The form iPXE's `${mac:hexhyp}` prints, which is also safe in a path: `52-54-00-12-34-56`. */
export function macToHyphens(mac: Mac): string {
  return mac.replaceAll(':', '-');
}
