/** Where a request's path leads below a served folder, or why it leads nowhere. */
export type AssetPath =
  | { readonly ok: true; readonly path: string }
  | { readonly ok: false; readonly status: 400 | 404; readonly reason: string };

/**
 * Reads the part of a request's path that follows the folder's prefix, still percent-encoded. It is decoded once. Names
 * with a dot in front, parent folders, encoded slashes, backslashes and control characters are refused, so what comes
 * out can't leave the folder except by a symbolic link.
 */
export function parseAssetPath(encoded: string): AssetPath {
  if (/%(?:2f|5c|00)/i.test(encoded)) {
    return bad('the path holds an encoded slash, backslash or NUL; write the path plainly');
  }
  let path: string;
  try {
    path = decodeURIComponent(encoded);
  } catch {
    return bad('the path is not valid percent-encoded UTF-8');
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  if (/[\\\x00-\x1f\x7f]/.test(path)) return bad('the path holds a backslash or a control character');
  const names = path.split('/');
  if (names.includes('..')) return bad('the path leaves the folder with ".."');
  if (names.some((name) => name === '' || name.startsWith('.'))) {
    return { ok: false, status: 404, reason: 'empty names and names with a dot in front are not served' };
  }
  return { ok: true, path };
}

function bad(reason: string): AssetPath {
  return { ok: false, status: 400, reason };
}
