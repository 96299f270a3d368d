import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { manualPages } from '../../../scripts/manual.ts';
import { root } from '../../support/tree.ts';

test('the manual pages are those of the table; node scripts/generate-man.mjs writes them', async () => {
  const { version, man } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const pages = manualPages(version);
  for (const [name, text] of pages) await expect(text).toMatchFileSnapshot(join(root, 'man', name));
  expect(readdirSync(join(root, 'man')).sort()).toEqual([...pages.keys()].sort());
  // What npm installs for man.
  expect([...man].sort()).toEqual([...pages.keys()].map((name) => `man/${name}`).sort());
});
