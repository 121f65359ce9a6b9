import { printable } from './printable.ts';

/** Gives a cell of a column its colour; the text itself stays. */
export type Paint = (cell: string, column: number) => string;

/** Rows of text as aligned columns; the last column is as wide as it likes. Cells are made printable. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  paint: Paint = (cell) => cell,
): string {
  const cells = rows.map((row) => row.map(printable));
  const widths = header.map((_, column) =>
    Math.max(...[header, ...cells].map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[], painted: Paint) =>
    row
      .map((cell, column) => {
        const room = column === row.length - 1 ? '' : ' '.repeat((widths[column] ?? 0) - cell.length);
        return painted(cell, column) + room;
      })
      .join('  ')
      .trimEnd();
  return `${[line(header, (cell) => cell), ...cells.map((row) => line(row, paint))].join('\n')}\n`;
}

/** What something is, and what is known of it. */
export type Fact = readonly [what: string, value: string];

/** Facts one to a line, the values below one another. They are made printable. */
export function formatFacts(facts: readonly Fact[]): string {
  const width = Math.max(...facts.map(([what]) => what.length));
  return facts.map(([what, value]) => `${what.padEnd(width)}  ${printable(value)}\n`).join('');
}
