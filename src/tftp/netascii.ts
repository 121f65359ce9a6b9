const LF = 0x0a;
const CR = 0x0d;

/**
 * Converts a file to netascii (RFC 764, named by RFC 1350 §1): LF becomes CR LF, and CR becomes CR NUL.
 * Gives `bytes` itself when there is nothing to convert.
 */
export function toNetascii(bytes: Uint8Array): Uint8Array {
  const specials = countOf(bytes, LF) + countOf(bytes, CR);
  if (specials === 0) return bytes;
  const text = new Uint8Array(bytes.length + specials);
  let at = 0;
  // By index: iterating a typed array is many times slower.
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] ?? 0;
    if (byte === LF || byte === CR) {
      text[at++] = CR;
      text[at++] = byte === LF ? LF : 0;
    } else {
      text[at++] = byte;
    }
  }
  return text;
}

function countOf(bytes: Uint8Array, byte: number): number {
  let count = 0;
  for (let at = bytes.indexOf(byte); at >= 0; at = bytes.indexOf(byte, at + 1)) count++;
  return count;
}
