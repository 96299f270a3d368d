import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { painter } from '../../../src/cli/render/color.ts';
import { renderDiagnostics } from '../../../src/cli/render/diagnostic.ts';
import { parseDocuments } from '../../../src/spec/document.ts';
import { printYaml } from '../../../src/spec/print.ts';
import { Report } from '../../../src/spec/report.ts';
import { type Doc, documented } from '../../../src/spec/schema-leaf.ts';
import { stackFile } from '../../../src/spec/schema-top.ts';
import { branches } from '../../../src/spec/schema-walk.ts';
import { validateStack } from '../../../src/spec/validate.ts';

/*
 * Every key of the format, wherever it may stand, found in the schema: what documents it is accepted, and a value of a
 * kind that it does not take is refused with the text in every-key.txt (written with `vitest -u`).
 */

type Found = {
  readonly path: readonly string[];
  readonly schema: z.ZodType;
  readonly doc: Doc;
  readonly beside: object;
};

/** A name in a map is `a`, an item of a list `0`. */
function keysOf(schema: z.ZodType, path: readonly string[], seen: ReadonlySet<z.ZodType>): Found[] {
  return branches(schema).flatMap((each): Found[] => {
    if (each instanceof z.ZodRecord) return keysOf(each.valueType as z.ZodType, [...path, 'a'], seen);
    if (each instanceof z.ZodArray) return keysOf(each.element as z.ZodType, [...path, '0'], seen);
    const docs = documented.get(each);
    if (!(each instanceof z.ZodObject) || docs === undefined || seen.has(each)) return [];
    const inside = new Set([...seen, each]);
    const required = Object.entries(docs).filter(([, doc]) => doc.required !== undefined);
    return Object.entries(docs).flatMap(([name, doc]) => {
      const child = each.shape[name] as z.ZodType;
      const others = required
        .filter(([other]) => other !== name)
        .map(([other, of]) => [other, of.examples?.[0]] as const);
      const beside = Object.fromEntries(others.map(([other, value]) => [other, value ?? aValue(each.shape[other])]));
      return [{ path: [...path, name], schema: child, doc, beside }, ...keysOf(child, [...path, name], inside)];
    });
  });
}

function aValue(schema: unknown): unknown {
  const [first] = branches(schema as z.ZodType);
  return first instanceof z.ZodEnum ? first.options[0] : 'a';
}

const all = keysOf(stackFile, [], new Set());
/** Jobs and pre_start entries have the keys of services, with the same schemas. */
const own = new Map<string, Found>();
for (const found of all) {
  const key = found.path.join('.');
  if (!/^(jobs\.a|services\.a\.pre_start\.0)\./.test(key) || /triggers|per_replica/.test(key)) own.set(key, found);
}

/** The document in which `value` stands at the key. */
function documentWith({ path, beside }: Found, value: unknown): object {
  const required = new Map(all.map((each) => [each.path.join('.'), each.beside]));
  const build = (at: number): unknown => {
    if (at === path.length) return value;
    const step = path[at] as string;
    if (step === '0') return [build(at + 1)];
    const around = at === path.length - 1 ? beside : (required.get(path.slice(0, at + 1).join('.')) ?? {});
    return { ...around, [step]: build(at + 1) };
  };
  return build(0) as object;
}

function problemsOf(document: object): string {
  const report = new Report();
  const [tree] = parseDocuments({ path: 'stack.yml', text: printYaml(document) }, report);
  if (tree === undefined) return 'no document';
  validateStack(tree, { interpolated: true }, report);
  return renderDiagnostics(report.sorted(), { paint: painter(false), width: 120 });
}

const strange: readonly unknown[] = [{ nope: [] }, [[]], [{ nope: 1 }], true, 7.5, 'no such value'];

describe('every key of the format', () => {
  test('is found', () => {
    expect([...own.keys()].filter((key) => /^services\.a\.[^.]+$/.test(key)).length).toBeGreaterThanOrEqual(94);
    expect(own.size).toBeGreaterThan(280);
  });

  test('of a service has a table of forms that are right and one of forms that are wrong', () => {
    const keys = [...own.keys()].flatMap((key) => /^services\.a\.([^.]+)$/.exec(key)?.[1] ?? []);
    for (const name of ['keys-valid', 'keys-invalid']) {
      const table = readFileSync(new URL(`${name}.golden`, import.meta.url), 'utf8');
      expect({
        name,
        missing: keys.filter((key) => !table.includes(`\n=== ${key}:`) && !table.startsWith(`=== ${key}:`)),
      }).toEqual({
        name,
        missing: [],
      });
    }
  });

  test('has a description, and an example, a default or values to choose from', () => {
    const enumerated = (schema: z.ZodType): boolean =>
      branches(schema).some((each) => each instanceof z.ZodEnum || each instanceof z.ZodBoolean);
    const poor = [...own].filter(
      ([, { doc, schema }]) =>
        doc.description === '' || (doc.examples === undefined && doc.default === undefined && !enumerated(schema)),
    );
    expect(poor.map(([key]) => key)).toEqual([]);
  });

  test('takes what is given as its examples and its default', () => {
    const wrong = [...own].flatMap(([key, found]) => {
      const values = [...(found.doc.examples ?? []), ...(found.doc.default === undefined ? [] : [found.doc.default])];
      return values.map((value) => `${key}: ${problemsOf(documentWith(found, value))}`);
    });
    expect(wrong.filter((line) => !line.endsWith(': '))).toEqual([]);
  });

  test('refuses a value of another kind, at the value and with a remedy', async () => {
    const texts = [...own].map(([key, found]) => {
      const value = strange.find((each) => !found.schema.safeParse(each).success);
      expect(value, key).toBeDefined();
      const text = problemsOf(documentWith(found, value));
      expect(text, key).toMatch(/^error\[/);
      expect(text, key).toMatch(/^ +\| +\^/m);
      expect(text, key).toMatch(/^ +=/m);
      return `=== ${key}\n${text}`;
    });
    await expect(texts.join('\n')).toMatchFileSnapshot('./every-key.txt');
  });
});
