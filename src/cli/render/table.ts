import type { Paint } from './color.ts';
import { columnsOf, fitColumns, printable } from './width.ts';

export type Cell = string;

/** Columns under their titles, two spaces apart; the last one is cut at `width`. Ends with a newline. */
export function renderTable(
  titles: readonly string[],
  rows: readonly (readonly Cell[])[],
  { paint, width }: { readonly paint: Paint; readonly width: number },
): string {
  const clean = rows.map((row) => row.map((cell) => printable(cell, 1)));
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...clean.map((row) => columnsOf(row[column] ?? ''))),
  );
  const lineOf = (cells: readonly Cell[]) => {
    const padded = cells.map((cell, column) =>
      column === cells.length - 1 ? cell : cell + ' '.repeat((widths[column] ?? 0) - columnsOf(cell) + 2),
    );
    return fitColumns(padded.join(''), width).trimEnd();
  };
  return `${[paint('bold', lineOf(titles)), ...clean.map(lineOf)].join('\n')}\n`;
}
