import type { Output } from '../output.ts';
import { columnsOf } from './width.ts';

/**
 * A block of lines at the end of the terminal's output that is drawn over itself. The cursor rests below the block and is
 * never hidden, nothing is switched on, so that even a kill -9 leaves the terminal usable. Each drawing is one write
 * between synchronized-update marks; terminals that do not know them ignore them.
 */
export class BlockPainter {
  readonly #output: Output;
  #drawn: readonly number[] = [];

  constructor(output: Output) {
    this.#output = output;
  }

  /** `lines` must fit the width; colours may be in them. */
  draw(lines: readonly string[]): void {
    const body = lines.map((line) => `${line}\n`).join('');
    this.#output.write(`\x1b[?2026h${this.#erase()}${body}\x1b[?2026l`);
    this.#drawn = lines.map((line) => columnsOf(line.replace(sgr, '')));
  }

  /** Text that stays, above the block; the next `draw` puts the block below it. */
  above(text: string): void {
    this.#output.write(`${this.#erase()}${text}`);
    this.#drawn = [];
  }

  /** Back to the first line of the block and everything from there on gone. A terminal made narrower has broken lines. */
  #erase(): string {
    if (this.#drawn.length === 0) return '';
    const columns = this.#output.columns();
    const rows = this.#drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0);
    return `\x1b[${Math.min(rows, this.#output.rows() - 1)}A\r\x1b[0J`;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the sequences that take no room
const sgr = /\x1b\[[0-9;]*m/g;
