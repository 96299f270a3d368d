/** Draft-07 as far as schema.json uses it; an independent reading of the file, so that it can contradict the validator. */
export type Schema = { readonly [key: string]: unknown };

export function accepts(schema: Schema, value: unknown, root: Schema = schema): boolean {
  const reference = schema['$ref'] as string | undefined;
  if (reference !== undefined) return accepts(resolve(root, reference), value, root);
  return checks.every((check) => check(schema, value, root));
}

const resolve = (root: Schema, reference: string): Schema =>
  reference
    .replace('#/', '')
    .split('/')
    .reduce<unknown>((at, step) => (at as Schema)[step], root) as Schema;

type Check = (schema: Schema, value: unknown, root: Schema) => boolean;

const isObject = (value: unknown): value is { [key: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const typeOf: { readonly [type: string]: (value: unknown) => boolean } = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
  array: Array.isArray,
  object: isObject,
};

const checks: readonly Check[] = [
  ({ type }, value) => type === undefined || [type].flat().some((each) => typeOf[each as string]!(value)),
  ({ enum: values }, value) => values === undefined || (values as unknown[]).includes(value),
  ({ const: only }, value) => only === undefined || only === value,
  ({ pattern }, value) =>
    pattern === undefined || typeof value !== 'string' || new RegExp(pattern as string).test(value),
  ({ minimum }, value) => minimum === undefined || typeof value !== 'number' || value >= (minimum as number),
  ({ maximum }, value) => maximum === undefined || typeof value !== 'number' || value <= (maximum as number),
  ({ anyOf }, value, root) => anyOf === undefined || (anyOf as Schema[]).some((each) => accepts(each, value, root)),
  ({ allOf }, value, root) => allOf === undefined || (allOf as Schema[]).every((each) => accepts(each, value, root)),
  ({ items }, value, root) =>
    items === undefined || !Array.isArray(value) || value.every((each) => accepts(items as Schema, each, root)),
  ({ required }, value) =>
    required === undefined || !isObject(value) || (required as string[]).every((key) => key in value),
  ({ propertyNames }, value, root) =>
    propertyNames === undefined ||
    !isObject(value) ||
    Object.keys(value).every((key) => accepts(propertyNames as Schema, key, root)),
  properties,
];

function properties(schema: Schema, value: unknown, root: Schema): boolean {
  if (!isObject(value)) return true;
  const known = (schema['properties'] ?? {}) as { readonly [key: string]: Schema };
  const patterns = Object.entries((schema['patternProperties'] ?? {}) as { readonly [pattern: string]: Schema });
  return Object.entries(value).every(([key, each]) => {
    if (Object.hasOwn(known, key)) return accepts(known[key]!, each, root);
    if (patterns.some(([pattern]) => new RegExp(pattern).test(key))) return true;
    const rest = schema['additionalProperties'];
    return rest === undefined || (rest !== false && accepts(rest as Schema, each, root));
  });
}
