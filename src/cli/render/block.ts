import type { Output } from '../output.ts';
import { columnsOf } from './width.ts';

/**
 * A block of lines at the end of the terminal's output that is drawn over itself. The cursor rests below the block and is
 * never hidden, nothing is switched on, so that even a kill -9 leaves the terminal usable. Each drawing is one write
 * between synchronized-update marks; terminals that do not know them ignore them. Nothing is erased from the upper left
 * corner on: terminals take that for a cleared screen, and some put what was there into their history, ten times a second.
 */
export class BlockPainter {
  readonly #output: Output;
  #drawn: readonly number[] = [];

  constructor(output: Output) {
    this.#output = output;
  }

  /** `lines` must fit the width; colours may be in them. */
  draw(lines: readonly string[]): void {
    const body = lines.map((line) => `${line}\x1b[K\n`).join('');
    this.#output.write(`\x1b[?2026h${up(this.#rows())}${body}\x1b[0J\x1b[?2026l`);
    this.#drawn = lines.map((line) => columnsOf(line.replace(sgr, '')));
  }

  /** Text that stays, above the block; the next `draw` puts the block below it. */
  above(text: string): void {
    const rows = this.#rows();
    this.#output.write(`${up(rows)}${'\x1b[2K\n'.repeat(rows)}${up(rows)}${text}`);
    this.#drawn = [];
  }

  /** How many rows the block takes now: a terminal that was made narrower has broken its lines. */
  #rows(): number {
    const columns = this.#output.columns();
    const rows = this.#drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0);
    return Math.min(rows, this.#output.rows() - 1);
  }
}

const up = (rows: number): string => (rows === 0 ? '' : `\x1b[${rows}A\r`);

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the sequences that take no room
const sgr = /\x1b\[[0-9;]*m/g;
