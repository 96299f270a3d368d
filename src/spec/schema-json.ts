import * as z from 'zod';
import { fileReference, hook, preStartHook, ulimits } from './schema-container.ts';
import { rootfs, serviceExtension } from './schema-extension.ts';
import { image } from './schema-image.ts';
import { bytes, command, documented, duration, type Form, flag, forms, memory, pairs } from './schema-leaf.ts';
import { job, service } from './schema-service.ts';
import { stackFile } from './schema-top.ts';
import { volumes } from './schema-volume.ts';

type Json = { [key: string]: unknown };

/** The JSON schema (draft-07) of a stack file: what editors complete and validate with. */
export function jsonSchema(): Json {
  const names = z.registry<{ id: string }>();
  const definitions = {
    service,
    job,
    rootfs,
    command,
    pairs,
    hook,
    volumes,
    ulimits,
    container: preStartHook,
    file_reference: fileReference,
    flag,
    duration,
    bytes,
    memory,
  };
  for (const [id, schema] of Object.entries(definitions)) names.add(schema, { id });
  const docs: Docs[] = [];
  const schema = z.toJSONSchema(stackFile, {
    target: 'draft-7',
    io: 'input',
    unrepresentable: 'any',
    metadata: names,
    override: ({ zodSchema, jsonSchema: json }) => {
      const found = documented.get(zodSchema as unknown as z.ZodType);
      const form = forms.get(zodSchema as unknown as z.ZodType);
      if (form !== undefined) formInto(json as Json, form);
      // Schemas that are used twice are one object here; what is said of a key is put in when they are apart.
      if (found !== undefined) (json as Json)[marker] = docs.push(found) - 1;
    },
  }) as Json;
  const written = tidy(schema, docs) as Json;
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: 'tscompose-stack.json',
    title: 'Stack file of tscompose',
    description: 'A compose file, with rootfs and x-tscompose as additions.',
    ...written,
  };
}

/** Each keyword concerns values of its own type only, so that they can stand beside a choice of types. */
function formInto(json: Json, { text, least, most }: Form): void {
  if (text !== undefined) json['pattern'] = `\\$|^(${text})$`;
  if (least !== undefined) json['minimum'] = least;
  if (most !== undefined) json['maximum'] = most;
}

const marker = 'documentation';

type Docs = NonNullable<ReturnType<typeof documented.get>>;

function document(json: Json, docs: Docs): void {
  const properties = (json['properties'] ?? {}) as { [name: string]: Json };
  for (const [name, doc] of Object.entries(docs)) {
    const property = properties[name];
    if (property === undefined) continue;
    const about: Json = { description: doc.description };
    if (doc.default !== undefined) about['default'] = doc.default;
    if (doc.examples !== undefined) about['examples'] = doc.examples;
    if (doc.deprecated) about['deprecated'] = true;
    // Beside a reference, draft-07 reads nothing: what is said of the key has to be around it.
    properties[name] = '$ref' in property ? { ...about, allOf: [property] } : { ...about, ...property };
  }
  json['additionalProperties'] = false;
  json['patternProperties'] = { '^x-': {} };
  const required = Object.entries(docs)
    .filter(([, doc]) => doc.required !== undefined)
    .map(([name]) => name);
  if (required.length > 0) json['required'] = required;
  else delete json['required'];
}

/** `anyOf` of plain types is shorter as a list of types. */
function flattenUnion(json: Json): void {
  const options = json['anyOf'] as Json[] | undefined;
  if (options === undefined || !options.every((option) => Object.keys(option).length === 1 && 'type' in option)) return;
  delete json['anyOf'];
  json['type'] = [...new Set(options.map((option) => option['type']))];
}

/** With the documentation, and without what zod adds and no editor needs: bounds of safe integers, types of keys. */
function tidy(value: unknown, docs: readonly Docs[]): unknown {
  if (Array.isArray(value)) return value.map((each) => tidy(each, docs));
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(
    ([key, each]) =>
      key !== marker &&
      !(key === 'id' && typeof each === 'string') &&
      !(key === 'propertyNames' && JSON.stringify(each) === '{"type":"string"}') &&
      !((key === 'minimum' || key === 'maximum') && Math.abs(Number(each)) === Number.MAX_SAFE_INTEGER),
  );
  const json: Json = Object.fromEntries(kept.map(([key, each]) => [key, tidy(each, docs)]));
  const about = docs[(value as Json)[marker] as number];
  if (about !== undefined) document(json, about);
  flattenUnion(json);
  return json;
}

/** Documentation of a key for docs/stack-file.md. */
export type KeyDoc = { readonly name: string; readonly forms: string; readonly doc: Docs[string] };

export const serviceDocs = (): KeyDoc[] => docsOf(service);
export const extensionDocs = (): KeyDoc[] => docsOf(serviceExtension);
export const imageDocs = (): KeyDoc[] => docsOf(image);
export const topDocs = (): KeyDoc[] => docsOf(stackFile);

function docsOf(schema: z.ZodType): KeyDoc[] {
  const shape = (schema as unknown as z.ZodObject<{ [key: string]: z.ZodType }>).shape;
  return Object.entries(documented.get(schema) ?? {}).map(([name, doc]) => ({
    name,
    doc,
    forms: formsOf(shape[name] as z.ZodType),
  }));
}

/** `text or list`, for people. */
function formsOf(schema: z.ZodType): string {
  const kinds = (each: z.ZodType): string[] => {
    if (each instanceof z.ZodOptional) return kinds(each.unwrap() as z.ZodType);
    if (each instanceof z.ZodUnion) return (each.options as z.ZodType[]).flatMap(kinds);
    if (each instanceof z.ZodEnum) return each.options.map((option) => `\`${String(option)}\``);
    if (each instanceof z.ZodLiteral) return [`\`${String([...each.values][0])}\``];
    if (each instanceof z.ZodArray) return ['list'];
    if (each instanceof z.ZodObject || each instanceof z.ZodRecord) return ['mapping'];
    if (each instanceof z.ZodBoolean) return ['true/false'];
    if (each instanceof z.ZodNumber) return ['number'];
    return each instanceof z.ZodNull ? ['empty'] : ['text'];
  };
  return [...new Set(kinds(schema))].join(', ');
}
