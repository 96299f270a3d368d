import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseDocuments } from '../../../src/spec/document.ts';
import { printYaml } from '../../../src/spec/print.ts';
import { Report } from '../../../src/spec/report.ts';
import { jsonSchema } from '../../../src/spec/schema-json.ts';
import { validateStack } from '../../../src/spec/validate.ts';
import { accepts, type Schema } from '../../support/json-schema.ts';
import { fromSchema } from '../../support/schema-arbitrary.ts';

const schema = jsonSchema() as Schema;
const documents = fromSchema(schema, schema) as fc.Arbitrary<{ [key: string]: unknown }>;

/** What schema.json does not say: what numbers mean in text, which words are known, and the order of a range. */
const beyond =
  /is less (memory|CPU) than|" is (out of range|not (a signal|an? (?!MAC)\w+ address|a subnet))|"\s*[-+.\d][^"]*" is not a ratio/;

/** The mistakes of a document that a JSON schema can see. */
function structural(document: unknown): string[] {
  const report = new Report();
  const file = { path: 'stack.yml', text: printYaml(document) };
  const [tree] = parseDocuments(file, report);
  if (tree === undefined) return ['no document'];
  validateStack(tree, { interpolated: false }, report);
  return report
    .sorted()
    .filter(({ summary }) => !beyond.test(summary))
    .map(({ code, summary }) => `${code}: ${summary}`);
}

describe('schema.json and the validator', () => {
  test('documents made from the schema are accepted by both', () => {
    fc.assert(
      fc.property(documents, (document) => {
        expect(accepts(schema, document)).toBe(true);
        expect(structural(document)).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  test('mutated documents are accepted or rejected by both', () => {
    const strange = fc.constantFrom<unknown>(
      1,
      -1,
      'text',
      true,
      null,
      [],
      {},
      [1],
      ['a'],
      { a: 1 },
      { nope: { deep: [] } },
    );
    fc.assert(
      fc.property(documents, fc.nat(), strange, fc.boolean(), (document, at, value, add) => {
        const mutated = structuredClone(document);
        const places = placesOf(mutated);
        const place = places[at % places.length]!;
        if (add) (place.in as { [key: string]: unknown })['unknown-key'] = value;
        else (place.in as { [key: string]: unknown })[place.key] = value;
        const mistakes = structural(mutated);
        expect({ mistakes, ok: mistakes.length === 0 }).toMatchObject({ ok: accepts(relaxed, mutated) });
      }),
      {
        numRuns: 2000,
        examples: [[{ services: { a: { 'x-tscompose': { depends_on: { b: {} } } } } }, 0, {}, true]],
      },
    );
  });
});

/** schema.json without the demands that are only made of the merged whole. */
const relaxed = relax(schema) as Schema;

function relax(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(relax);
  if (typeof value !== 'object' || value === null) return value;
  const merged = [['condition'], ['type'], ['model'], ['triggers'], ['rootfs']];
  const entries = Object.entries(value).filter(([key, each]) => {
    const isMerged = key === 'required' && merged.some((names) => JSON.stringify(names) === JSON.stringify(each));
    // `type` is demanded of a volume and, only in the end, of a provider; `condition`, only in the end, of `depends_on` but
    // for the one of x-tscompose, which has a pattern.
    const properties = 'properties' in value ? ((value as Schema)['properties'] as object) : {};
    return !isMerged || 'source' in properties || 'pattern' in properties;
  });
  return Object.fromEntries(entries.map(([key, each]) => [key, relax(each)]));
}

type Spot = { readonly in: object; readonly key: string };

/** Every place of a document that can be changed. */
function placesOf(value: object): Spot[] {
  const here = Object.keys(value).map((key) => ({ in: value, key }));
  const below = Object.values(value).filter((each) => typeof each === 'object' && each !== null);
  const all = [...here, ...below.flatMap((each) => placesOf(each as object))];
  return all.length === 0 ? [{ in: value, key: 'services' }] : all;
}
