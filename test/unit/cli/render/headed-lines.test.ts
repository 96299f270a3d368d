import { expect, test } from 'vitest';
import { writeHeadedLines } from '../../../../src/cli/render/headed-lines.ts';

function headed(text: string, first = ['> ']): { readonly whole: string; readonly writes: readonly string[] } {
  const writes: string[] = [];
  writeHeadedLines({
    bytes: Buffer.from(text, 'latin1'),
    first: first.map((part) => Buffer.from(part)),
    head: Buffer.from('> '),
    write: (bytes) => writes.push(Buffer.from(bytes).toString('latin1')),
  });
  return { whole: writes.join(''), writes };
}

test('every line has the head in front, empty ones too', () => {
  expect(headed('one\n\nthree\n').whole).toBe('> one\n> \n> three\n');
});

test('the first line goes on where an earlier piece has ended', () => {
  expect(headed('end\nnext\n', ['> ', 'begin']).whole).toBe('> beginend\n> next\n');
});

test('more than fits comes in several writes of whole lines; only a line that never fits is cut', () => {
  const line = 'x'.repeat(1000);
  const text = `${line}\n`.repeat(300);
  const { whole, writes } = headed(text);
  expect(whole).toBe(text.replaceAll(/^(?=.)/gm, '> '));
  expect(writes.every((each) => each.endsWith('\n') && each.startsWith('> '))).toBe(true);
  expect(writes.length).toBe(3);
  const giant = 'y'.repeat(300_000);
  const cut = headed(`${line}\n${giant}\n${line}\n`);
  expect(cut.whole).toBe(`> ${line}\n> ${giant}\n> ${line}\n`);
  expect(cut.writes.length).toBeLessThan(6);
});

test('every length of a line, at every place of a word, is copied whole', () => {
  for (let length = 0; length < 40; length++) {
    for (let shift = 0; shift < 9; shift++) {
      const text = `${'s'.repeat(shift)}\n${'\x8a\x0b\xff'.repeat(length).slice(0, length)}\n\nend\n`;
      expect(headed(text).whole).toBe(
        text
          .split('\n')
          .slice(0, -1)
          .map((each) => `> ${each}\n`)
          .join(''),
      );
    }
  }
});
