import type { LogPiece, LogPrinter } from './log-lines.ts';

const newline = 10;
const longestHeld = 1 << 20;

/** One object a line of output: `{"container","stream","timeMs","text"}`. What is no UTF-8 is shown as U+FFFD. */
export function logJson(stdout: (text: string) => void): LogPrinter {
  const held = new Map<string, { readonly first: LogPiece; readonly parts: Uint8Array[]; length: number }>();

  const lineOf = ({ container, stream, timeMs }: LogPiece, text: string): string =>
    `${JSON.stringify({ container, stream, timeMs, text })}\n`;

  const flushOne = (key: string): string => {
    const line = held.get(key);
    held.delete(key);
    return line === undefined ? '' : lineOf(line.first, Buffer.concat(line.parts).toString());
  };

  return {
    print: (piece) => {
      const key = `${piece.stream} ${piece.container}`;
      const end = piece.bytes.lastIndexOf(newline);
      const line = held.get(key) ?? { first: piece, parts: [], length: 0 };
      if (end === -1) {
        line.parts.push(piece.bytes);
        line.length += piece.bytes.length;
        held.set(key, line);
        if (line.length > longestHeld) stdout(flushOne(key));
        return;
      }
      held.delete(key);
      const whole = Buffer.concat([...line.parts, piece.bytes.subarray(0, end)]).toString();
      const [first = '', ...others] = whole.split('\n');
      stdout(lineOf(line.first, first) + others.map((text) => lineOf(piece, text)).join(''));
      const rest = piece.bytes.subarray(end + 1);
      if (rest.length > 0) held.set(key, { first: piece, parts: [rest], length: rest.length });
    },
    note: () => {},
    flush: () => {
      for (const key of [...held.keys()]) stdout(flushOne(key));
    },
  };
}
