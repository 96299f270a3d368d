import { expect, test } from 'vitest';
import { placeOf, placeText } from '../../../src/model/place.ts';

const at = (text: string, start: number, end: number) => placeOf({ file: { path: 'f', text }, range: { start, end } });

test('lines and columns count from one', () => {
  expect(at('ab\ncd', 0, 2)).toEqual({ file: 'f', line: 1, column: 1, width: 2 });
  expect(at('ab\ncd', 4, 5)).toEqual({ file: 'f', line: 2, column: 2, width: 1 });
  expect(placeText(at('ab\ncd', 4, 5))).toBe('f:2:2');
});

test('a break belongs to the line it ends, also at the very start', () => {
  expect(at('\nab', 0, 1)).toEqual({ file: 'f', line: 1, column: 1, width: 0 });
  expect(at('\n\nab', 1, 1)).toMatchObject({ line: 2, column: 1 });
});

test('a value over several lines covers its first line only', () => {
  expect(at('a: |\n  x\n', 3, 9)).toEqual({ file: 'f', line: 1, column: 4, width: 1 });
});

test('a character outside the basic plane is one column', () => {
  expect(at('😀: x', 4, 5)).toMatchObject({ column: 4 });
});
