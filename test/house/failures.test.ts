import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readText } from '../support/tree.ts';

const document = readText('docs/failures.md');

test('every promise about failures is the title of a test', () => {
  const promises = [...document.matchAll(/\]\(\.\.\/(test\/[^)]+)\) "([^"]+)"/g)];
  expect(promises.length).toBeGreaterThan(60);
  const missing = promises.filter(([, path = '', title = '']) => !readText(join(path)).includes(title));
  expect(missing.map(([, path, title]) => `${path}: ${title}`)).toEqual([]);
});

test('each of the 41 cases has a test, or the reason why there is none', () => {
  const rows = document.split('\n').filter((line) => line.startsWith('| '));
  const answered = rows.filter((row) => /\]\(\.\.\/test\/|the leak check/.test(row) || row.split(' | ').length === 3);
  const numbers = new Set(answered.map((row) => Number(/^\| (\d+) \|/.exec(row)?.[1])));
  const cases = Array.from({ length: 41 }, (_, i) => i + 1);
  expect(cases.filter((number) => !numbers.has(number))).toEqual([]);
});
