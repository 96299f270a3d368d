import type { Result } from '../util/result.ts';
import { err, ok } from '../util/result.ts';
import type { Context } from './context.ts';
import { exitCode } from './exit-code.ts';
import { renderTable } from './render/table.ts';
import { type Fields, readTemplate, type Template } from './render/template.ts';
import { sayError } from './say.ts';

/** How a list is printed: as our table, as docker compose's JSON, or by a template. */
export type RowFormat =
  | { readonly kind: 'table' | 'json' }
  | { readonly kind: 'template'; readonly template: Template };

/** Reads `--format`; the error is an exit code. */
export function readFormat(
  context: Context,
  text: string | undefined,
  fields: readonly string[],
): Result<RowFormat, number> {
  if (text === undefined || text === 'table') return ok({ kind: 'table' });
  if (text === 'json') return ok({ kind: 'json' });
  const template = readTemplate(text, fields);
  if (template.ok) return ok({ kind: 'template', template: template.value });
  sayError(context, { code: 'usage', ...template.error });
  return err(exitCode.usage);
}

/** `yielding` names the columns that become narrower in a narrow terminal. */
export function printTable(
  { stdout, paint }: Context,
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  yielding: readonly string[] = [],
): void {
  const width = stdout.isTty ? stdout.columns() : Number.POSITIVE_INFINITY;
  stdout.write(renderTable(titles, rows, { paint, width, yielding }));
}

export function printTemplate(context: Context, { table, line }: Template, rows: readonly Fields[]): void {
  if (table !== undefined) printTable(context, table.titles, rows.map(table.cells));
  else context.stdout.write(rows.map((row) => `${line(row)}\n`).join(''));
}

/** `NAME=VALUE` words of `--filter`, by name; the error is an exit code. */
export function readFilters(
  context: Context,
  words: readonly string[],
  known: readonly string[],
): Result<ReadonlyMap<string, readonly string[]>, number> {
  const filters = new Map<string, string[]>();
  for (const word of words) {
    const at = word.indexOf('=');
    const name = word.slice(0, at);
    if (at === -1 || !known.includes(name)) {
      const hint = `write ${known.map((each) => `${each}=VALUE`).join(' or ')}`;
      sayError(context, { code: 'usage', message: `there is no filter "${word}"`, hint });
      return err(exitCode.usage);
    }
    filters.set(name, [...(filters.get(name) ?? []), word.slice(at + 1)]);
  }
  return ok(filters);
}
