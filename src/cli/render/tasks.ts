import { Listr, type ListrRenderer } from 'listr2';
import type { Event } from '../../model/event.ts';
import type { Plan } from '../../model/plan.ts';
import type { Output } from '../output.ts';
import { BlockPainter } from './block.ts';
import { advance, mostUrgent, type Row, rowsOf, timeOf } from './board.ts';
import type { Paint } from './color.ts';
import { plainLine } from './plain.ts';
import type { Progress } from './progress.ts';
import { columnsOf, fitColumns, printable } from './width.ts';
import { elapsed, subjectText } from './words.ts';

type LiveOptions = {
  readonly paint: Paint;
  /** The command: `up`. */
  readonly title: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
};

/** The live form: one line for each container, volume and network, redrawn ten times a second. */
export function liveProgress(output: Output, options: LiveOptions): Progress {
  const block = new BlockPainter(output);
  const startedMs = options.now();
  let round: Round | undefined;

  const say = (line: string) => {
    block.above(`${printable(line)}\n`);
    round?.redraw();
  };
  return {
    plan: (plan) => {
      round?.end();
      round = startRound(plan, { ...options, output, block, startedMs });
    },
    event: (event) => {
      if (event.kind === 'warning' || event.kind === 'lock-wait') return say(plainLine(event) ?? '');
      round?.event(event);
    },
    say,
    close: () => {
      round?.end();
      round = undefined;
    },
  };
}

type Round = {
  readonly event: (event: Extract<Event, { readonly step: unknown }>) => void;
  readonly redraw: () => void;
  readonly end: () => void;
};

type RoundOptions = LiveOptions & {
  readonly output: Output;
  readonly block: BlockPainter;
  readonly startedMs: number;
};

/** One task of listr2 a row, which ends with the row's last step. */
function startRound(plan: Plan, options: RoundOptions): Round {
  const { output, block } = options;
  const rows = new Map(rowsOf(plan));
  const settle = new Map<string, () => void>();
  let ended = false;

  const redraw = (room = output.rows() - 2) => {
    if (!ended) block.draw(linesOf([...rows.values()], { ...options, room }));
  };
  const end = () => {
    if (ended) return;
    // The last drawing is whole: it scrolls like any other output.
    redraw(Number.POSITIVE_INFINITY);
    ended = true;
    for (const settleTask of settle.values()) settleTask();
  };

  class Frames implements ListrRenderer {
    static readonly nonTTY = true;
    static readonly rendererOptions = {};
    static readonly rendererTaskOptions = {};
    #timer: NodeJS.Timeout | undefined;
    render() {
      this.#timer = setInterval(redraw, 100).unref();
    }
    end() {
      clearInterval(this.#timer);
      end();
    }
  }

  const list = new Listr<unknown, typeof Frames, typeof Frames>(
    [...rows.keys()].map((subject) => ({
      title: subject,
      task: () =>
        new Promise<void>((resolve) => {
          if (ended || rows.get(subject)?.left === 0) return resolve();
          settle.set(subject, resolve);
        }),
    })),
    { concurrent: true, exitOnError: false, registerSignalListeners: false, renderer: Frames },
  );
  void list.run();

  return {
    redraw,
    end,
    event: (event) => {
      const subject = subjectText(event.step);
      const row = rows.get(subject);
      if (row === undefined) return;
      const next = advance(row, event);
      rows.set(subject, next);
      if (next.left === 0) settle.get(subject)?.();
    },
  };
}

/** The picture of this moment; no line is wider than the terminal, and there are at most `room` of them and a title. */
function linesOf(rows: readonly Row[], options: RoundOptions & { readonly room: number }): readonly string[] {
  const { paint, now, room } = options;
  const width = options.output.columns();
  const finished = rows.filter((row) => row.state === 'done').length;
  const nowMs = now();
  const title = `[+] ${options.title} ${finished}/${rows.length}`;
  const shown = rows.length > room ? mostUrgent(rows, room - 1) : rows;
  const names = Math.min(40, Math.max(0, ...shown.map((row) => columnsOf(row.subject))));
  const lines = [withTime(title, elapsed(nowMs - options.startedMs), { width, paint })];
  for (const row of shown) lines.push(lineOf(row, { names, width, paint, nowMs }));
  if (shown.length < rows.length) lines.push(paint('dim', `   … ${rows.length - shown.length} more`));
  return lines;
}

type LineOptions = { readonly names: number; readonly width: number; readonly paint: Paint; readonly nowMs: number };

function lineOf(row: Row, { names, width, paint, nowMs }: LineOptions): string {
  const subject = fitColumns(printable(row.subject), names);
  const padding = ' '.repeat(names - columnsOf(subject));
  const reason = row.reason === undefined ? '' : `: ${row.reason}`;
  const text = shortened(row.text + reason, Math.max(1, width - names - 13));
  const style = row.state === 'failed' ? 'red' : row.state === 'done' ? 'green' : 'dim';
  return withTime(` ${markOf(row, { paint, nowMs })} ${subject}${padding}  ${paint(style, text)}`, timeOf(row, nowMs), {
    width,
    paint,
    plainColumns: 5 + names + columnsOf(text),
  });
}

function shortened(text: string, room: number): string {
  const line = printable(text);
  return columnsOf(line) <= room ? line : `${fitColumns(line, room - 1)}…`;
}

const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

function markOf(row: Row, { paint, nowMs }: { readonly paint: Paint; readonly nowMs: number }): string {
  switch (row.state) {
    case 'done':
      return paint('green', '✔');
    case 'failed':
      return paint('red', '✘');
    case 'active':
      return paint('cyan', spinner[Math.floor(nowMs / 100) % spinner.length] ?? '');
    default:
      return paint('dim', '·');
  }
}

type TimeOptions = { readonly width: number; readonly paint: Paint; readonly plainColumns?: number };

/** The time at the right edge, when there is room for it. */
function withTime(line: string, time: string, { width, paint, plainColumns = columnsOf(line) }: TimeOptions): string {
  const gap = width - 1 - plainColumns - time.length;
  return gap < 1 || time === '' ? line : `${line}${' '.repeat(gap)}${paint('dim', time)}`;
}
