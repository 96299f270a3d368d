import type { Result } from '../../util/result.ts';
import { err, ok } from '../../util/result.ts';
import { closest } from '../../util/text.ts';

/** Values by field name, as docker compose calls them in its `--format`. */
export type Fields = { readonly [name: string]: string | number | readonly object[] };

export type Template = {
  /** Titles and cells of a table; absent: one line of text an item. */
  readonly table?: { readonly titles: readonly string[]; readonly cells: (fields: Fields) => readonly string[] };
  readonly line: (fields: Fields) => string;
};

/** What is wrong with a template, for the user. */
export type TemplateProblem = { readonly message: string; readonly hint: string };

type Part = { readonly text: string } | { readonly field: string; readonly json: boolean } | { readonly all: true };

/**
 * The part of Go's template language that people use with `--format`: `{{.Name}}`, `{{json .}}`, `{{json .Ports}}`, the
 * escapes \t and \n, and `table ` in front for columns with titles.
 */
export function readTemplate(text: string, known: readonly string[]): Result<Template, TemplateProblem> {
  const isTable = /^table\s/.test(text);
  const body = (isTable ? text.slice(6) : text).replaceAll('\\t', '\t').replaceAll('\\n', '\n');
  const parts: Part[] = [];
  let at = 0;
  for (const match of body.matchAll(/\{\{(.*?)\}\}/gs)) {
    parts.push({ text: body.slice(at, match.index) });
    const part = readAction(match[1] ?? '', known);
    if (!part.ok) return part;
    parts.push(part.value);
    at = match.index + match[0].length;
  }
  parts.push({ text: body.slice(at) });
  const line = (fields: Fields): string => parts.map((part) => partText(part, fields)).join('');
  if (!isTable) return ok({ line });
  const titles = parts.map(titleOf).join('').split('\t');
  return ok({ line, table: { titles, cells: (fields) => line(fields).split('\t') } });
}

function readAction(action: string, known: readonly string[]): Result<Part, TemplateProblem> {
  const [, json, dot, field = ''] = /^\s*(json\s+)?(\.)([A-Za-z]*)\s*$/.exec(action) ?? [];
  if (dot === undefined || (field === '' && json === undefined)) {
    const hint = 'there is {{.Field}}, {{json .Field}} and {{json .}}';
    return err({ message: `"{{${action}}}" is not understood in a format`, hint });
  }
  if (field === '') return ok({ all: true });
  if (known.includes(field)) return ok({ field, json: json !== undefined });
  const meant = closest(field, known);
  const hint = meant === undefined ? `there is ${known.join(', ')}` : `did you mean .${meant}?`;
  return err({ message: `there is no field .${field}`, hint });
}

function partText(part: Part, fields: Fields): string {
  if ('text' in part) return part.text;
  if ('all' in part) return JSON.stringify(fields);
  const value = fields[part.field] ?? '';
  return part.json || typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** `RunningFor` → `RUNNING FOR`. */
const titleOf = (part: Part): string =>
  'text' in part ? part.text : 'field' in part ? part.field.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toUpperCase() : 'ALL';
