import { expect, test } from 'vitest';
import { schemaText, stackFileText } from '../../scripts/reference.ts';
import { readText } from '../support/tree.ts';

const remedy = 'run: node scripts/generate-schema.mjs';

test('schema.json is what the schema says', () => {
  expect(readText('schema.json') === schemaText(), remedy).toBe(true);
});

test('docs/stack-file.md is what the schema and the table of verdicts say', () => {
  expect(readText('docs/stack-file.md') === stackFileText(), remedy).toBe(true);
});
