import type { Output } from './check.ts';

/** A terminal that lines can be drawn on again and again. */
export interface Terminal extends Output {
  readonly columns: number;
  readonly rows: number;
}

/** The terminal that an output is; undefined when it's a file or a pipe, or one that can't move its cursor. */
export function terminalOf(output: Output): Terminal | undefined {
  const stream = output as Partial<NodeJS.WriteStream>;
  return stream.isTTY && process.env.TERM !== 'dumb' ? (output as unknown as Terminal) : undefined;
}

const RED = 31;
const GREEN = 32;
const YELLOW = 33;
const GREY = 90;
const COLOURS: Readonly<Record<string, number>> = {
  discovered: YELLOW,
  stuck: RED,
  ready: GREEN,
  refused: GREY,
  retired: GREY,
};

/** Gives a state its colour. */
export type StatePaint = (state: string) => string;

/** Gives states their colours on a terminal; undefined elsewhere, and for people who want none (NO_COLOR). */
export function statePaint(output: Output): StatePaint | undefined {
  if (!terminalOf(output) || (process.env.NO_COLOR ?? '') !== '') return undefined;
  return (state) => {
    const colour = COLOURS[state];
    return colour === undefined ? state : `\x1b[${colour}m${state}\x1b[0m`;
  };
}

/** Draws lines over those that it drew before. */
export function drawInPlace(terminal: Terminal): (lines: readonly string[]) => void {
  let drawn = 0;
  return (lines) => {
    // A line too many would scroll, and the cursor could not come back to the first.
    const fitting = lines.slice(0, Math.max(1, terminal.rows - 1)).map((line) => cut(line, terminal.columns));
    const up = drawn > 0 ? `\x1b[${drawn}A` : '';
    terminal.write(`${up}${fitting.map((line) => `${line}\x1b[K\n`).join('')}\x1b[J`);
    drawn = fitting.length;
  };
}

/** The first `columns` characters of a line; colours take no room and are kept. */
export function cut(line: string, columns: number): string {
  let room = columns;
  return line
    .split(COLOUR)
    .map((part, index) => {
      if (index % 2 === 1) return part;
      const shown = part.slice(0, room);
      room -= shown.length;
      return shown;
    })
    .join('');
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences that this module writes begin with one
const COLOUR = /(\x1b\[\d+m)/;
