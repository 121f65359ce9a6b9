// Names, messages and serial numbers come from machines, and whoever controls a machine chooses them. A terminal obeys the control
// characters in what it is shown, and a reader believes the order in which letters stand.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Text from elsewhere on one line, safe for a terminal: what isn't printed is shown by its number, `\x1b`; tabs and line ends as a space. */
export function printable(text: string): string {
  return text.replace(/\r\n|[\t\r\n]/g, ' ').replace(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${hex(code, 2)}` : `\\u{${hex(code, 4)}}`;
  });
}

/** Lines from elsewhere, each made printable. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** A value as JSON, on many lines, or on one for output that is read line by line. Safe for a terminal as well: `\u009b`. */
export function formatJson(value: unknown, form: 'lines' | 'line' = 'lines'): string {
  const text = JSON.stringify(value, null, form === 'lines' ? 2 : undefined);
  const safe = text.replace(UNPRINTABLE, (character) =>
    character === '\n' ? character : escapeUnits(character),
  );
  return `${safe}\n`;
}

function escapeUnits(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${hex(unit.charCodeAt(0), 4)}`)
    .join('');
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}
