import { expect, test } from 'vitest';
import { logJson } from '../../../../src/cli/render/log-json.ts';

function printing() {
  let text = '';
  const printer = logJson((more) => {
    text += more;
  });
  const print = (bytes: string | Buffer, timeMs: number, stream: 'stdout' | 'stderr' = 'stdout') =>
    printer.print({ container: 'web-1', stream, timeMs, bytes: Buffer.from(bytes) });
  const lines = () =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  return { printer, print, lines };
}

test('a line is one object, with the time of its beginning, however it was cut', () => {
  const { print, lines } = printing();
  print('one\ntw', 1);
  print('o', 2);
  print('\nthree\n', 3);
  expect(lines()).toEqual([
    { container: 'web-1', stream: 'stdout', timeMs: 1, text: 'one' },
    { container: 'web-1', stream: 'stdout', timeMs: 1, text: 'two' },
    { container: 'web-1', stream: 'stdout', timeMs: 3, text: 'three' },
  ]);
});

test('a character that two reads have cut in half is whole, and the streams are kept apart', () => {
  const { print, lines } = printing();
  const [first, second] = [Buffer.from('ü').subarray(0, 1), Buffer.from('ü\n').subarray(1)];
  print(first, 1);
  print('meanwhile\n', 2, 'stderr');
  print(second, 3);
  expect(lines().map(({ stream, text }) => [stream, text])).toEqual([
    ['stderr', 'meanwhile'],
    ['stdout', 'ü'],
  ]);
});

test('a last line without newline comes at the end', () => {
  const { printer, print, lines } = printing();
  print('unfinished', 1);
  expect(lines()).toEqual([]);
  printer.flush();
  expect(lines()).toMatchObject([{ text: 'unfinished' }]);
});
