import { type Contributor, explain, writtenBelow } from '../../project/explain.ts';
import type { Stack } from '../../project/stack.ts';
import { printYaml } from '../../spec/print.ts';
import type { VariableUse } from '../../spec/tree.ts';
import { unreachable } from '../../util/assert.ts';
import { noteLine } from '../render/diagnostic.ts';
import { frame, spotOf } from '../render/frame.ts';
import { renderTable } from '../render/table.ts';
import { document, type PrintOptions } from './options.ts';

type Options = Pick<PrintOptions, 'json' | 'paint' | 'width'>;

/** `config --explain`: what counts first, then what it took the place of; nothing when there is no such value. */
export function explained(stack: Stack, path: string, options: Options): string | undefined {
  const contributors = explain(stack, path);
  const [decides] = contributors ?? [];
  if (contributors === undefined || decides === undefined) return undefined;
  if (options.json) return document(contributors.map(contributorJson));
  const frames = contributors.flatMap((each, i) => contributorLines(each, i === 0, options));
  const parts = typeof decides.value === 'object' && decides.value !== null ? partsText(stack, path, options) : '';
  const value = parts === '' ? `: ${printYaml(decides.value).trimEnd()}` : '';
  return `${options.paint('bold', `${path}${value}`)}\n${frames.map((line) => `${line}\n`).join('')}${parts}`;
}

function contributorLines(contributor: Contributor, decides: boolean, { paint, width }: Options): readonly string[] {
  const { origin, implied, variables, value } = contributor;
  const spot = spotOf(origin);
  const sources = variables.flatMap((use) => (use.source.kind === 'env-file' ? [spotOf(use.source.origin)] : []));
  const gutter = Math.max(...[spot, ...sources].map(({ line }) => String(line).length));
  const made = typeof value === 'object' && value !== null;
  const what = implied
    ? 'nobody wrote it: a default'
    : !decides
      ? 'replaced'
      : made
        ? 'its parts are below'
        : 'decides';
  return [
    ...frame(spot, {
      paint,
      style: decides ? 'green' : 'blue',
      arrow: decides ? '-->' : ':::',
      mark: decides ? '^' : '-',
      label: what,
      width,
      gutter,
    }),
    ...variables.flatMap((use) =>
      use.source.kind === 'env-file'
        ? frame(spotOf(use.source.origin), {
            paint,
            style: 'blue',
            arrow: ':::',
            mark: '-',
            label: sourceText(use),
            width,
            gutter,
          })
        : [noteLine(sourceText(use), gutter, paint)],
    ),
  ];
}

function sourceText({ name, source }: VariableUse): string {
  switch (source.kind) {
    case 'environment':
      return `${name} comes from the environment of this command`;
    case 'env-file':
      return `${name} comes from here`;
    case 'default':
      return `${name} is not set: its default is used`;
    case 'alternate':
      return `${name} is set: its alternate value is used`;
    case 'built-in':
      return `${name} is set by tscompose`;
    case 'unset':
      return `${name} is not set: nothing is put in its place`;
    default:
      return unreachable(source);
  }
}

function partsText(stack: Stack, path: string, { paint, width }: Options): string {
  const rows = writtenBelow(stack, path).map(({ path: part, value, origin, implied }) => {
    const { file, line, column } = spotOf(origin);
    return [part, implied ? 'default' : `${file}:${line}:${column}`, printYaml(value).trimEnd()];
  });
  return rows.length === 0 ? '' : `\n${renderTable(['PART', 'FROM', 'VALUE'], rows, { paint, width })}`;
}

function contributorJson({ value, origin, implied, variables }: Contributor): object {
  const { file, line, column } = spotOf(origin);
  const uses = variables.map(({ name, source }) => {
    if (source.kind !== 'env-file') return { name, source: source.kind };
    const at = spotOf(source.origin);
    return { name, source: source.kind, file: at.file, line: at.line, column: at.column };
  });
  return { value, file, line, column, default: implied, variables: uses };
}
