import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { manualText } from '../../../scripts/manual.ts';
import { root } from '../../support/tree.ts';

const page = join(root, 'man/tscompose.1');

test('the manual page is that of the table; node scripts/generate-man.mjs writes it', async () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  await expect(manualText(version)).toMatchFileSnapshot(page);
});
