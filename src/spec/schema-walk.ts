import * as z from 'zod';
import { type Doc, documented } from './schema-leaf.ts';
import type { Path } from './tree.ts';

/** The keys of the object schema at `path`. */
export function keysAt(schema: z.ZodType, path: Path): readonly string[] {
  return schemasAt(schema, path)
    .flatMap(branches)
    .flatMap((each) => Object.keys(documented.get(each) ?? {}));
}

export function schemasAt(schema: z.ZodType, path: Path): z.ZodType[] {
  let at: z.ZodType[] = [schema];
  for (const step of path) at = at.flatMap((each) => childSchemas(each, step));
  return at;
}

function childSchemas(schema: z.ZodType, step: string | number): z.ZodType[] {
  return branches(schema).flatMap((each): z.ZodType[] => {
    if (each instanceof z.ZodObject) return step in each.shape ? [each.shape[step] as z.ZodType] : [];
    if (each instanceof z.ZodRecord) return [each.valueType as z.ZodType];
    return each instanceof z.ZodArray ? [each.element as z.ZodType] : [];
  });
}

export function branches(schema: z.ZodType): z.ZodType[] {
  if (schema instanceof z.ZodOptional) return branches(schema.unwrap() as z.ZodType);
  if (schema instanceof z.ZodUnion) return (schema.options as z.ZodType[]).flatMap(branches);
  return [schema];
}

/** What the documentation says of the key at `path`. */
export function docOf(schema: z.ZodType, path: Path): Doc | undefined {
  const docs = schemasAt(schema, path.slice(0, -1))
    .flatMap(branches)
    .map((each) => documented.get(each)?.[String(path.at(-1))]);
  return docs.find((doc) => doc !== undefined);
}

export type Example = { readonly key: string; readonly value: unknown };

/** What the documentation gives as a value of the key at `path`, or of the one that it is a part of. */
export function exampleOf(schema: z.ZodType, path: Path): Example | undefined {
  for (let end = path.length; end > 0 && end > path.length - 2; end -= 1) {
    const key = path[end - 1];
    if (typeof key !== 'string') continue;
    const doc = docOf(schema, path.slice(0, end));
    const value = doc?.examples?.[0] ?? doc?.default;
    if (value !== undefined) return { key, value };
  }
  return undefined;
}
