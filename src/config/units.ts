const DURATION = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/;

/** Reads `90s`, `15m`, `1h30m`, `7d` or a bare number of seconds; gives seconds, or undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text);
  const parts = DURATION.exec(text);
  if (!parts || text === '') return undefined;
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = parts.slice(1).map((part) => Number(part ?? 0));
  return ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
}

const SIZE = /^(\d+(?:\.\d+)?) ?(B|KiB|MiB|GiB|TiB)$/;
const SIZE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Reads `512MiB`, `1.5 GiB` or a bare number of bytes; gives whole bytes, or undefined for anything else. */
export function parseSize(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text);
  const [, amount, unit] = SIZE.exec(text) ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  return Math.round(Number(amount) * 1024 ** SIZE_UNITS.indexOf(unit));
}
