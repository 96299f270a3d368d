import type { Output } from '../output.ts';
import { BlockPainter } from './block.ts';
import { Board, mostUrgent, type Row, statusOf, timeOf } from './board.ts';
import type { Paint } from './color.ts';
import { plainLine } from './plain.ts';
import type { Progress } from './progress.ts';
import { runTasks, type Tasks } from './tasks.ts';
import { columnsOf, fitColumns, printable } from './width.ts';
import { elapsed } from './words.ts';

type LiveOptions = {
  readonly paint: Paint;
  /** The command: `up`. */
  readonly title: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
};

const redrawMs = 100;

/** The live form: one line for each container, volume and network, redrawn ten times a second, through all rounds. */
export function liveProgress(output: Output, options: LiveOptions): Progress {
  const block = new BlockPainter(output);
  const board = new Board();
  const startedMs = options.now();
  let tasks: Tasks | undefined;

  const redraw = (room = output.rows() - 2) => {
    const view = { ...options, width: output.columns(), nowMs: options.now(), startedMs, room };
    block.draw(linesOf(board.rows(), view));
  };
  const say = (line: string) => {
    block.above(`${printable(line)}\n`);
    if (tasks !== undefined) redraw();
  };
  return {
    plan: (plan) => {
      board.begin(plan, options.now());
      tasks?.end();
      const open = board.rows().filter(({ left }) => left > 0);
      tasks = runTasks(
        open.map(({ subject }) => subject),
        { redraw, everyMs: redrawMs },
      );
    },
    event: (event) => {
      if (event.kind === 'warning' || event.kind === 'lock-wait') return say(plainLine(event) ?? '');
      const row = board.event(event);
      if (row?.left === 0) tasks?.settle(row.subject);
    },
    say,
    close: () => {
      if (tasks === undefined) return;
      tasks.end();
      tasks = undefined;
      // The last drawing is whole: it scrolls like any other output.
      redraw(Number.POSITIVE_INFINITY);
    },
  };
}

type View = {
  readonly title: string;
  readonly paint: Paint;
  readonly width: number;
  /** At most so many rows. */
  readonly room: number;
  readonly nowMs: number;
  readonly startedMs: number;
};

/** The picture of this moment; no line is wider than the terminal. */
export function linesOf(rows: readonly Row[], view: View): readonly string[] {
  const { paint, width, room, nowMs } = view;
  const finished = rows.filter((row) => row.state === 'done').length;
  const title = fitColumns(`[+] ${view.title} ${finished}/${rows.length}`, width - 1);
  const shown = rows.length > room ? mostUrgent(rows, room - 1) : rows;
  const longest = Math.max(0, ...shown.map((row) => columnsOf(printable(row.subject))));
  // However narrow it is, something of what happens is said beside the names.
  const names = Math.max(1, Math.min(40, longest, width - narrowest));
  const lines = [atRight(title, elapsed(nowMs - view.startedMs), { width, paint, plainColumns: columnsOf(title) })];
  for (const row of shown) lines.push(lineOf(row, { names, width, paint, nowMs }));
  const hidden = rows.length - shown.length;
  if (hidden > 0) lines.push(paint('dim', fitColumns(`   … ${hidden} more`, width - 1)));
  return lines;
}

/** Mark and gaps, and a few letters. */
const narrowest = 18;
/** Of the time, with the gap before it. */
const timeColumns = 7;

type LineOptions = { readonly names: number; readonly width: number; readonly paint: Paint; readonly nowMs: number };

function lineOf(row: Row, { names, width, paint, nowMs }: LineOptions): string {
  const subject = shortened(row.subject, names);
  const padding = ' '.repeat(Math.max(0, names - columnsOf(subject)));
  const room = width - 1 - (names + 5);
  const withTime = room - timeColumns >= 12;
  const text = shortened(statusOf(row, nowMs), Math.max(0, withTime ? room - timeColumns : room));
  const style = row.state === 'failed' ? 'red' : row.state === 'done' ? 'green' : 'dim';
  const line = ` ${markOf(row, { paint, nowMs })} ${subject}${padding}  ${paint(style, text)}`;
  if (!withTime) return line;
  return atRight(line, timeOf(row, nowMs), { width, paint, plainColumns: 5 + names + columnsOf(text) });
}

function shortened(text: string, room: number): string {
  const line = printable(text);
  if (columnsOf(line) <= room) return line;
  return room < 1 ? '' : `${fitColumns(line, room - 1)}…`;
}

const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

function markOf(row: Row, { paint, nowMs }: { readonly paint: Paint; readonly nowMs: number }): string {
  switch (row.state) {
    case 'done':
      return paint('green', '✔');
    case 'failed':
      return paint('red', '✘');
    case 'active':
      return paint('cyan', spinner[Math.floor(nowMs / redrawMs) % spinner.length] ?? '');
    default:
      return paint('dim', '·');
  }
}

type TimeOptions = { readonly width: number; readonly paint: Paint; readonly plainColumns: number };

/** The time at the right edge, when there is room for it. */
function atRight(line: string, time: string, { width, paint, plainColumns }: TimeOptions): string {
  const gap = width - 1 - plainColumns - time.length;
  return gap < 1 || time === '' ? line : `${line}${' '.repeat(gap)}${paint('dim', time)}`;
}
