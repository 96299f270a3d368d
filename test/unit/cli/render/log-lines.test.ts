import { expect, test } from 'vitest';
import { painter } from '../../../../src/cli/render/color.ts';
import { type LogPiece, logPrinter } from '../../../../src/cli/render/log-lines.ts';

function printing(options: { prefix?: boolean; timestamps?: boolean; color?: boolean } = {}) {
  const written = { stdout: '', stderr: '' };
  const paint = painter(options.color ?? false);
  const printer = logPrinter({
    names: new Map([
      ['shop-web-1', 'web-1'],
      ['shop-worker-1', 'worker-1'],
    ]),
    prefix: options.prefix ?? true,
    timestamps: options.timestamps ?? false,
    paint,
    paintError: paint,
    stdout: (bytes) => {
      written.stdout += Buffer.from(bytes).toString('latin1');
    },
    stderr: (bytes) => {
      written.stderr += Buffer.from(bytes).toString('latin1');
    },
  });
  return { printer, written };
}

const piece = (container: string, text: string, more: Partial<LogPiece> = {}): LogPiece => ({
  container,
  stream: 'stdout',
  timeMs: 0,
  bytes: Buffer.from(text, 'latin1'),
  ...more,
});

test('each line has the name of its container in front, padded to the longest', () => {
  const { printer, written } = printing();
  printer.print(piece('shop-web-1', 'one\ntwo\n'));
  printer.print(piece('shop-worker-1', 'three\n'));
  expect(written.stdout).toBe('web-1    | one\nweb-1    | two\nworker-1 | three\n');
});

test('a line that comes in pieces is written once, whole, even when others speak in between', () => {
  const { printer, written } = printing();
  printer.print(piece('shop-web-1', 'be'));
  printer.print(piece('shop-worker-1', 'other\n'));
  printer.print(piece('shop-web-1', 'gin'));
  printer.print(piece('shop-web-1', 'ning\nnext'));
  expect(written.stdout).toBe('worker-1 | other\nweb-1    | beginning\n');
  printer.flush();
  expect(written.stdout).toBe('worker-1 | other\nweb-1    | beginning\nweb-1    | next\n');
});

test('standard error stays standard error, and does not mix with an unfinished line of the other', () => {
  const { printer, written } = printing();
  printer.print(piece('shop-web-1', 'out'));
  printer.print(piece('shop-web-1', 'bad\n', { stream: 'stderr' }));
  printer.print(piece('shop-web-1', 'put\n'));
  expect(written).toEqual({ stdout: 'web-1    | output\n', stderr: 'web-1    | bad\n' });
});

test('without prefix every byte passes as it is, also those that are no text', () => {
  const { printer, written } = printing({ prefix: false });
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  printer.print(piece('shop-web-1', '', { bytes }));
  printer.flush();
  expect(written.stdout).toBe(bytes.toString('latin1'));
});

test('the time of a line is when it began, in UTC with microseconds', () => {
  const { printer, written } = printing({ prefix: false, timestamps: true });
  printer.print(piece('shop-web-1', 'be', { timeMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678) + 0.25 }));
  printer.print(piece('shop-web-1', 'gin\n', { timeMs: Date.UTC(2027, 0) }));
  expect(written.stdout).toBe('2026-01-02T03:04:05.678250Z begin\n');
});

test('a line without end is passed on before it fills the memory', () => {
  const { printer, written } = printing();
  for (let count = 0; count < 40; count++) printer.print(piece('shop-web-1', 'x'.repeat(10_000)));
  expect(written.stdout.length).toBeGreaterThan(300_000);
});

test('a note about a container ends its unfinished line', () => {
  const { printer, written } = printing();
  printer.print(piece('shop-web-1', 'last words'));
  printer.note('shop-web-1', 'exited with code 3');
  expect(written.stdout).toBe('web-1    | last words\nweb-1 exited with code 3\n');
});

test('containers get their colours in the order in which they first speak', () => {
  const { printer, written } = printing({ color: true });
  printer.print(piece('shop-worker-1', 'a\n'));
  printer.print(piece('shop-web-1', 'b\n'));
  printer.print(piece('shop-worker-1', 'c\n'));
  expect(written.stdout).toBe(
    '\x1b[36mworker-1 | \x1b[0ma\n\x1b[33mweb-1    | \x1b[0mb\n\x1b[36mworker-1 | \x1b[0mc\n',
  );
});
