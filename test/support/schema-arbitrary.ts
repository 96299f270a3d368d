import fc from 'fast-check';
import type { Schema } from './json-schema.ts';

/** Texts that mean something somewhere in a stack file. */
const words = fc.constantFrom(
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
);

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
  if (anyOf !== undefined) return fc.oneof(...anyOf.map((each) => fromSchema(each, root, depth)));
  if (schema['enum'] !== undefined) return fc.constantFrom(...(schema['enum'] as unknown[]));
  if (schema['const'] !== undefined) return fc.constant(schema['const']);
  const types = [schema['type'] ?? 'string'].flat() as string[];
  return fc.oneof(...types.map((type) => ofType(type, schema, root, depth)));
}

function ofType(type: string, schema: Schema, root: Schema, depth: number): fc.Arbitrary<unknown> {
  switch (type) {
    case 'integer':
    case 'number':
      return fc.integer({ min: 0, max: 100 });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(fromSchema((schema['items'] ?? {}) as Schema, root, depth + 1), { maxLength: 2 });
    case 'object':
      return ofObject(schema, root, depth);
    default:
      return schema['pattern'] === undefined ? words : fc.stringMatching(new RegExp(schema['pattern'] as string));
  }
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
