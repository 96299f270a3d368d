import type { Paint, Style } from './color.ts';
import { prefixStyles } from './color.ts';
import { columnsOf } from './width.ts';

/** Where each byte of a container's output goes: cut into lines, each with its container's name in front. */
export type LogPrinter = {
  readonly print: (chunk: LogPiece) => void;
  /** A line of ours among them: `shop-web-1 exited with code 0`. */
  readonly note: (container: string, text: string) => void;
  /** Unfinished last lines. */
  readonly flush: () => void;
};

export type LogPiece = {
  readonly container: string;
  readonly stream: 'stdout' | 'stderr';
  readonly timeMs: number;
  readonly bytes: Uint8Array;
};

export type LogPrinterOptions = {
  /** Stack-file names by container name: what the prefix shows. */
  readonly names: ReadonlyMap<string, string>;
  readonly prefix: boolean;
  readonly timestamps: boolean;
  readonly paint: Paint;
  readonly paintError: Paint;
  readonly stdout: (bytes: Uint8Array) => void;
  readonly stderr: (bytes: Uint8Array) => void;
};

const newline = 10;
/** An endless line is passed on in pieces of this many bytes. */
const longestHeld = 64 << 10;

export function logPrinter(options: LogPrinterOptions): LogPrinter {
  const width = Math.max(0, ...[...options.names.values()].map(columnsOf));
  const styles = new Map<string, Style>();
  const held = new Map<string, { readonly parts: Uint8Array[]; length: number; readonly first: LogPiece }>();

  const headOf = (container: string, stream: 'stdout' | 'stderr', timeMs: number): string => {
    const time = options.timestamps ? `${timestamp(timeMs)} ` : '';
    if (!options.prefix) return time;
    const style = styles.get(container) ?? prefixStyles[styles.size % prefixStyles.length] ?? 'cyan';
    styles.set(container, style);
    const name = options.names.get(container) ?? container;
    const label = `${name}${' '.repeat(Math.max(0, width - columnsOf(name)))} | `;
    return (stream === 'stdout' ? options.paint : options.paintError)(style, label) + time;
  };

  const write = (stream: 'stdout' | 'stderr', parts: readonly Uint8Array[]) =>
    options[stream](parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts));

  const flushOne = (key: string) => {
    const line = held.get(key);
    if (line === undefined) return;
    held.delete(key);
    const { container, stream, timeMs } = line.first;
    write(stream, [Buffer.from(headOf(container, stream, timeMs)), ...line.parts, Buffer.from('\n')]);
  };

  /**
   * Whole lines go out in one write; the rest waits for its end, or until it has grown too long. All lines of a piece were
   * written at one time and have one head, so they are made by one replacement; as Latin-1, which keeps every byte.
   */
  const print = (piece: LogPiece) => {
    const { container, stream, timeMs, bytes } = piece;
    if (!options.prefix && !options.timestamps) return write(stream, [bytes]);
    const key = `${stream} ${container}`;
    const end = bytes.lastIndexOf(newline);
    if (end !== -1) {
      const head = Buffer.from(headOf(container, stream, timeMs)).toString('latin1');
      const before = held.get(key);
      const start =
        before === undefined ? head : Buffer.from(headOf(container, stream, before.first.timeMs)).toString('latin1');
      held.delete(key);
      const middle = Buffer.from(bytes.buffer, bytes.byteOffset, end).toString('latin1').split('\n').join(`\n${head}`);
      write(stream, [Buffer.from(start, 'latin1'), ...(before?.parts ?? []), Buffer.from(`${middle}\n`, 'latin1')]);
    }
    const rest = bytes.subarray(end + 1);
    if (rest.length === 0) return;
    const line = held.get(key) ?? { parts: [], length: 0, first: piece };
    line.parts.push(rest);
    line.length += rest.length;
    held.set(key, line);
    if (line.length > longestHeld) flushOne(key);
  };

  return {
    print,
    note: (container, text) => {
      flushOne(`stdout ${container}`);
      flushOne(`stderr ${container}`);
      const label = options.names.get(container) ?? container;
      options.stdout(Buffer.from(`${options.paint('dim', `${label} ${text}`)}\n`));
    },
    flush: () => {
      for (const key of [...held.keys()]) flushOne(key);
    },
  };
}

/** RFC 3339 in UTC, with microseconds. */
function timestamp(timeMs: number): string {
  const micros = String(Math.floor((timeMs % 1) * 1000)).padStart(3, '0');
  return `${new Date(Math.floor(timeMs)).toISOString().slice(0, -1)}${micros}Z`;
}
