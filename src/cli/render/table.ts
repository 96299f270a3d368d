import type { Paint } from './color.ts';
import { columnsOf, fitColumns, printable } from './width.ts';

export type Cell = string;

export type TableView = {
  readonly paint: Paint;
  /** Columns of the terminal. */
  readonly width: number;
  /** Titles of the columns that are made narrower when there is no room for all, the first one first. */
  readonly yielding?: readonly string[];
};

/** Columns under their titles, two spaces apart; what is beyond `width` is cut. Ends with a newline. */
export function renderTable(
  titles: readonly string[],
  rows: readonly (readonly Cell[])[],
  { paint, width, yielding = [] }: TableView,
): string {
  const clean = rows.map((row) => row.map((cell) => printable(cell, 1)));
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...clean.map((row) => columnsOf(row[column] ?? ''))),
  );
  let excess = widths.reduce((sum, each) => sum + each + 2, -2) - width;
  for (const column of yielding.map((title) => titles.indexOf(title))) {
    const given = Math.max(0, Math.min(excess, (widths[column] ?? 0) - (titles[column]?.length ?? 0)));
    widths[column] = (widths[column] ?? 0) - given;
    excess -= given;
  }
  const lineOf = (cells: readonly Cell[]) => {
    const padded = cells.map((cell, column) => {
      if (column === cells.length - 1) return cell;
      const room = widths[column] ?? 0;
      const shown = columnsOf(cell) <= room ? cell : `${fitColumns(cell, room - 1)}…`;
      return shown + ' '.repeat(room - columnsOf(shown) + 2);
    });
    return fitColumns(padded.join(''), width).trimEnd();
  };
  return `${[paint('bold', lineOf(titles)), ...clean.map(lineOf)].join('\n')}\n`;
}
