import type { Origin, Place } from '../../model/source.ts';
import type { Paint, Style } from './color.ts';
import { columnsOf, fitColumns, printable } from './width.ts';

/** One line of a source, and the part of it that is meant. */
export type Spot = Place & {
  /** The whole line, without its end; absent when the text is not at hand. */
  readonly text?: string;
  /** Half-open, in UTF-16 code units of `text`. */
  readonly from: number;
  readonly to: number;
};

/** Where an origin is: its first line; a value that goes on below is marked up to the end of that line. */
export function spotOf(origin: Origin): Spot {
  const { text, path } = origin.file;
  const start = Math.max(0, Math.min(origin.range.start, text.length));
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  const newline = text.indexOf('\n', lineStart);
  const lineEnd = newline === -1 ? text.length : newline;
  const line = text.slice(lineStart, lineEnd).replace(/\r$/, '');
  const from = Math.min(start - lineStart, line.length);
  const to = Math.max(from, Math.min(origin.range.end - lineStart, line.length));
  return {
    file: path,
    line: countNewlines(text, lineStart) + 1,
    column: [...line.slice(0, from)].length + 1,
    width: [...line.slice(from, to)].length,
    text: line,
    from,
    to,
  };
}

function countNewlines(text: string, end: number): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at !== -1 && at < end; at = text.indexOf('\n', at + 1)) count++;
  return count;
}

export type FrameOptions = {
  readonly paint: Paint;
  readonly style: Style;
  /** `-->` before the first place, `:::` before further ones. */
  readonly arrow: '-->' | ':::';
  readonly mark: '^' | '-';
  readonly label?: string;
  /** Columns of the terminal. */
  readonly width: number;
  /** Digits that the widest line number of the whole message takes. */
  readonly gutter: number;
};

/** The place, the line and a mark under exactly the part that is meant. */
export function frame(spot: Spot, options: FrameOptions): readonly string[] {
  const { paint } = options;
  const pad = ' '.repeat(options.gutter);
  const bar = paint('blue', '|');
  const place = `${printable(spot.file)}:${spot.line}:${spot.column}`;
  const head = `${pad} ${paint('blue', options.arrow)} ${place}`;
  const label = options.label === undefined ? '' : ` ${printable(options.label)}`;
  if (spot.text === undefined) return [label === '' ? head : `${head}${label}`];
  const view = cut(spot, Math.max(20, options.width - options.gutter - 4));
  const marks = options.mark.repeat(Math.max(1, view.marked));
  const number = paint('blue', String(spot.line).padStart(options.gutter));
  return [
    head,
    ` ${pad} ${bar}`,
    ` ${number} ${bar} ${view.text}`.trimEnd(),
    ` ${pad} ${bar} ${' '.repeat(view.before)}${paint(options.style, `${marks}${label}`)}`,
  ];
}

type View = { readonly text: string; readonly before: number; readonly marked: number };

/** The part of a long line around what is meant; `before` and `marked` are in columns. */
function cut(spot: Spot, room: number): View {
  const line = spot.text ?? '';
  const before = printable(line.slice(0, spot.from));
  const marked = printable(line.slice(spot.from, spot.to));
  const after = printable(line.slice(spot.to));
  const whole = before + marked + after;
  if (columnsOf(whole) <= room) return { text: whole, before: columnsOf(before), marked: columnsOf(marked) };
  const shownMark = fitColumns(marked, room - 2);
  const leftRoom = Math.max(0, Math.min(columnsOf(before), Math.floor((room - columnsOf(shownMark)) / 2)));
  const left = columnsOf(before) <= leftRoom ? before : `…${lastColumns(before, leftRoom - 1)}`;
  const rest = marked.slice(shownMark.length) + after;
  const rightRoom = room - columnsOf(left) - columnsOf(shownMark);
  const right = columnsOf(rest) <= rightRoom ? rest : `${fitColumns(rest, rightRoom - 1)}…`;
  return { text: left + shownMark + right, before: columnsOf(left), marked: columnsOf(shownMark) };
}

function lastColumns(text: string, columns: number): string {
  let rest = text.slice(-Math.max(0, columns * 2));
  while (rest !== '' && columnsOf(rest) > columns) rest = rest.slice([...rest][0]?.length ?? 1);
  return columns <= 0 ? '' : rest;
}
