import fc from 'fast-check';
import type { Schema } from './json-schema.ts';

/** Texts that mean something somewhere in a stack file. */
const texts = [
  'a',
  'web',
  '1',
  '0.5',
  '80',
  '8080:80',
  '64m',
  '10s',
  'true',
  './x',
  '/x',
  '/x:/y',
  'v:/y',
  'A=1',
  'SIGTERM',
  '1000:1000',
  'always',
  'h=1.2.3.4',
  'echo hi',
  'nofile',
  '/dev/null',
  'CMD',
  '10.0.0.1',
  '10.0.0.0/24',
  '',
  'x y',
  '$$',
  'on-failure:3',
  '${A:-b}',
  '0-3',
  '300',
  '02:42:ac:11:65:43',
  '2001:db8::1',
  '0440',
];

const words = fc.constantFrom(...texts);

/** Values that a JSON schema accepts; deep parts are left out. */
export function fromSchema(schema: Schema, root: Schema, depth = 0): fc.Arbitrary<unknown> {
  const reference = schema['$ref'] as string | undefined;
  if (reference !== undefined) {
    const target = reference
      .replace('#/', '')
      .split('/')
      .reduce<unknown>((at, step) => (at as Schema)[step], root);
    return fromSchema(target as Schema, root, depth);
  }
  const allOf = schema['allOf'] as Schema[] | undefined;
  if (allOf !== undefined) return fromSchema(allOf[0]!, root, depth);
  const anyOf = schema['anyOf'] as Schema[] | undefined;
  if (anyOf !== undefined) {
    const { pattern, minimum, maximum } = schema;
    const beside = { ...(pattern !== undefined && { pattern }), ...(minimum !== undefined && { minimum }) };
    const all = { ...beside, ...(maximum !== undefined && { maximum }) };
    return fc.oneof(...anyOf.map((each) => fromSchema({ ...each, ...all }, root, depth)));
  }
  if (schema['enum'] !== undefined) return fc.constantFrom(...(schema['enum'] as unknown[]));
  if (schema['const'] !== undefined) return fc.constant(schema['const']);
  const types = [schema['type'] ?? 'string'].flat() as string[];
  return fc.oneof(...types.map((type) => ofType(type, schema, root, depth)));
}

function ofType(type: string, schema: Schema, root: Schema, depth: number): fc.Arbitrary<unknown> {
  switch (type) {
    case 'integer':
    case 'number':
      return fc.integer(between(schema));
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(fromSchema((schema['items'] ?? {}) as Schema, root, depth + 1), { maxLength: 2 });
    case 'object':
      return ofObject(schema, root, depth);
    default:
      return textOf(schema['pattern'] as string | undefined);
  }
}

/** Of those that mean something, what fits; where none does, whatever fits. */
function textOf(pattern: string | undefined): fc.Arbitrary<string> {
  if (pattern === undefined) return words;
  const fitting = texts.filter((text) => new RegExp(pattern).test(text));
  return fitting.length > 0 ? fc.constantFrom(...fitting) : fc.stringMatching(new RegExp(pattern));
}

function between({ minimum = 0, maximum }: Schema): { min: number; max: number } {
  const min = Math.max(0, minimum as number);
  return { min, max: Math.min(min + 100, (maximum ?? min + 100) as number) };
}

function ofObject(schema: Schema, root: Schema, depth: number): fc.Arbitrary<unknown> {
  const properties = Object.entries((schema['properties'] ?? {}) as { readonly [key: string]: Schema });
  const required = (schema['required'] ?? []) as string[];
  const rest = schema['additionalProperties'];
  if (properties.length === 0) {
    const names = fc.constantFrom('a', 'b', 'web', 'xy');
    return fc.dictionary(names, typeof rest === 'object' ? fromSchema(rest as Schema, root, depth + 1) : words, {
      maxKeys: depth > 2 ? 1 : 2,
    });
  }
  const optional = properties.filter(([key]) => !required.includes(key));
  return fc.subarray(optional, { maxLength: Math.min(optional.length, depth > 4 ? 0 : 5) }).chain((chosen) => {
    const keys = properties.filter((each) => required.includes(each[0]) || chosen.includes(each));
    return fc.record(Object.fromEntries(keys.map(([key, each]) => [key, fromSchema(each, root, depth + 1)])));
  });
}
