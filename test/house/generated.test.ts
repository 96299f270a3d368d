import { describe, expect, test } from 'vitest';
import { schemaText, stackFileText } from '../../scripts/reference.ts';
import { accepts, type Schema } from '../support/json-schema.ts';
import { readText } from '../support/tree.ts';

const remedy = 'run: node scripts/generate-schema.mjs';

test('schema.json is what the schema says', () => {
  expect(readText('schema.json') === schemaText(), remedy).toBe(true);
});

test('docs/stack-file.md is what the schema and the table of verdicts say', () => {
  expect(readText('docs/stack-file.md') === stackFileText(), remedy).toBe(true);
});

describe('schema.json', () => {
  const root = JSON.parse(schemaText()) as Schema;
  const keys = keysOf(root, '');

  test('says of every key what it means, and shows a value or the values there are', () => {
    expect(keys.length).toBeGreaterThan(500);
    expect(keys.filter(({ schema }) => schema['description'] === undefined).map(({ path }) => path)).toEqual([]);
    const shows = ({ schema }: Key) =>
      ['default', 'examples', 'deprecated'].some((word) => word in schema) || /"enum":/.test(JSON.stringify(schema));
    expect(keys.filter((key) => !shows(key)).map(({ path }) => path)).toEqual([]);
  });

  test('gives no example and no default that it refuses itself', () => {
    const refused = keys.flatMap(({ path, schema }) => {
      const given = [...((schema['examples'] ?? []) as unknown[]), ...('default' in schema ? [schema['default']] : [])];
      return given.filter((value) => !accepts(schema, value, root)).map((value) => `${path}: ${JSON.stringify(value)}`);
    });
    expect(refused).toEqual([]);
  });
});

type Key = { readonly path: string; readonly schema: Schema };

/** Every key that an object in it may have. */
function keysOf(value: unknown, path: string): Key[] {
  if (Array.isArray(value)) return value.flatMap((each) => keysOf(each, path));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([word, part]): Key[] => {
    if (word === 'examples' || word === 'default' || word === 'enum') return [];
    if (word === 'definitions')
      return Object.entries(part as object).flatMap(([name, each]) => keysOf(each, `#${name}`));
    if (word !== 'properties') return keysOf(part, path);
    return Object.entries(part as { [name: string]: Schema }).flatMap(([name, schema]) => [
      { path: `${path}.${name}`, schema },
      ...keysOf(schema, `${path}.${name}`),
    ]);
  });
}
