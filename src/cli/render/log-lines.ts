import type { Paint, Style } from './color.ts';
import { prefixStyles } from './color.ts';
import { writeHeadedLines } from './headed-lines.ts';
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
  /** The same for containers that come later; absent: their whole name. */
  readonly nameOf?: (container: string) => string;
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
  const { nameOf, headOf } = lineHeads(options);
  const held = new Map<string, { readonly parts: Uint8Array[]; length: number; readonly first: LogPiece }>();

  const write = (stream: 'stdout' | 'stderr', parts: readonly Uint8Array[]) =>
    options[stream](parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts));

  const flushOne = (key: string) => {
    const line = held.get(key);
    if (line === undefined) return;
    held.delete(key);
    const { container, stream, timeMs } = line.first;
    write(stream, [Buffer.from(headOf(container, stream, timeMs)), ...line.parts, Buffer.from('\n')]);
  };

  /** Whole lines go out; the rest waits for its end, or until it has grown too long. */
  const print = (piece: LogPiece) => {
    const { container, stream, timeMs, bytes } = piece;
    if (!options.prefix && !options.timestamps) return write(stream, [bytes]);
    const key = `${stream} ${container}`;
    const end = bytes.lastIndexOf(newline);
    if (end !== -1) {
      const head = Buffer.from(headOf(container, stream, timeMs));
      const before = held.get(key);
      held.delete(key);
      const begun = before && [Buffer.from(headOf(container, stream, before.first.timeMs)), ...before.parts];
      writeHeadedLines({ bytes: bytes.subarray(0, end + 1), first: begun ?? [head], head, write: options[stream] });
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
      options.stdout(Buffer.from(`${options.paint('dim', `${nameOf(container)} ${text}`)}\n`));
    },
    flush: () => {
      for (const key of [...held.keys()]) flushOne(key);
    },
  };
}

/** What stands before each line: a column of names that grows with the longest, a colour for each container, the time. */
function lineHeads(options: LogPrinterOptions) {
  const names = new Map(options.names);
  let width = Math.max(0, ...[...names.values()].map(columnsOf));
  const styles = new Map<string, Style>();

  const nameOf = (container: string): string => {
    const known = names.get(container) ?? options.nameOf?.(container) ?? container;
    names.set(container, known);
    width = Math.max(width, columnsOf(known));
    return known;
  };

  const headOf = (container: string, stream: 'stdout' | 'stderr', timeMs: number): string => {
    const time = options.timestamps ? `${timestamp(timeMs)} ` : '';
    if (!options.prefix) return time;
    const style = styles.get(container) ?? prefixStyles[styles.size % prefixStyles.length] ?? 'cyan';
    styles.set(container, style);
    const name = nameOf(container);
    const label = `${name}${' '.repeat(Math.max(0, width - columnsOf(name)))} | `;
    return (stream === 'stdout' ? options.paint : options.paintError)(style, label) + time;
  };

  return { nameOf, headOf };
}

/** RFC 3339 in UTC, with microseconds. */
function timestamp(timeMs: number): string {
  const micros = String(Math.floor((timeMs % 1) * 1000)).padStart(3, '0');
  return `${new Date(Math.floor(timeMs)).toISOString().slice(0, -1)}${micros}Z`;
}
