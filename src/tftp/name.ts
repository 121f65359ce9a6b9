/** A request is at most 512 octets (RFC 2347), so no honest name is longer. */
const MAX_NAME = 512;

/** A file name ready to be looked up, or why it is refused. */
export type NameResult = { readonly name: string } | { readonly refusal: string };

/**
 * Brings a requested file name into one form: printable ASCII, segments separated by single slashes, none of them
 * empty, `.` or `..`. Backslashes count as slashes; leading slashes go, and so do the 0xFF and control bytes that
 * some ROMs leave at the end. A name with a `..` segment is refused, also when it is percent-encoded (any number of
 * times), since whoever looks the name up may decode it.
 */
export function normaliseName(bytes: Uint8Array): NameResult {
  if (bytes.length > MAX_NAME) return { refusal: `file name longer than ${MAX_NAME} bytes` };
  const raw = latin1(bytes.subarray(0, lengthWithoutJunk(bytes)));
  if (!/^[\x20-\x7e]*$/.test(raw)) return { refusal: 'file name has unprintable characters' };
  if (segmentsOf(percentDecoded(raw)).includes('..')) return { refusal: 'file name contains ".."' };
  const name = segmentsOf(raw)
    .filter((segment) => segment !== '' && segment !== '.')
    .join('/');
  return name === '' ? { refusal: 'the request names no file' } : { name };
}

/** Longest text `escapeBytes` gives before it cuts. */
const MAX_ESCAPED = 200;

/** Bytes from the network as one line of printable ASCII for logs: the rest as `\xNN`, cut after 200 characters. */
export function escapeBytes(bytes: Uint8Array): string {
  const text = latin1(bytes.subarray(0, MAX_ESCAPED + 1)).replace(
    /[^\x20-\x5b\x5d-\x7e]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return text.length > MAX_ESCAPED ? `${text.slice(0, MAX_ESCAPED)}...` : text;
}

function lengthWithoutJunk(bytes: Uint8Array): number {
  let length = bytes.length;
  while (length > 0 && isJunk(bytes[length - 1] ?? 0)) length--;
  return length;
}

function isJunk(byte: number): boolean {
  return byte < 0x20 || byte === 0x7f || byte === 0xff;
}

function segmentsOf(path: string): string[] {
  return path.replaceAll('\\', '/').split('/');
}

/** Decodes until nothing is left to decode; each round makes the text shorter, so it ends. */
function percentDecoded(text: string): string {
  const decoded = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return decoded === text ? text : percentDecoded(decoded);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
