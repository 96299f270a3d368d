import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readText } from '../support/tree.ts';

test('every promise about failures is the title of a test', () => {
  const promises = [...readText('docs/failures.md').matchAll(/\]\(\.\.\/(test\/[^)]+)\) "([^"]+)"/g)];
  expect(promises.length).toBeGreaterThan(30);
  const missing = promises.filter(([, path = '', title = '']) => !readText(join(path)).includes(title));
  expect(missing.map(([, path, title]) => `${path}: ${title}`)).toEqual([]);
});
