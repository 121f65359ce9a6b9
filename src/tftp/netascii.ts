const LF = 0x0a;
const CR = 0x0d;

/**
 * Converts a file to netascii (RFC 764, named by RFC 1350 §1): LF becomes CR LF, and CR becomes CR NUL.
 * Gives `bytes` itself when there is nothing to convert.
 */
export function toNetascii(bytes: Uint8Array): Uint8Array {
  let specials = 0;
  for (const byte of bytes) if (byte === LF || byte === CR) specials++;
  if (specials === 0) return bytes;
  const text = new Uint8Array(bytes.length + specials);
  let at = 0;
  for (const byte of bytes) {
    if (byte === LF || byte === CR) {
      text[at++] = CR;
      text[at++] = byte === LF ? LF : 0;
    } else {
      text[at++] = byte;
    }
  }
  return text;
}
