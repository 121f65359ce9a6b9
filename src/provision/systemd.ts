import { remember } from './memory.ts';

/**
 * A path as a part of a unit's name, as `systemd-escape --path` writes it: `/var/lib/my-data` → `var-lib-my\x2ddata`.
 * Throws an Error when the path is not absolute or has `..` in it.
 */
export const escapePath: (path: string) => string = remember((path) => {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (!path.startsWith('/') || parts.includes('..')) throw new Error(`"${path}" is not an absolute path`);
  if (parts.length === 0) return '-';
  return parts.map(escapePart).join('-').replace(/^\./, '\\x2e');
});

/** The only name that a mount unit for this folder may have. */
export function mountUnitName(folder: string): string {
  return `${escapePath(folder)}.mount`;
}

function escapePart(part: string): string {
  const escapeByte = (byte: number) => `\\x${byte.toString(16).padStart(2, '0')}`;
  return part.replace(/[^A-Za-z0-9:_.]/gu, (character) =>
    [...Buffer.from(character)].map(escapeByte).join(''),
  );
}
