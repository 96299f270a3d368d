import { shortened } from './text.ts';
import type { Path, Tree } from './tree.ts';

/** `ports[1].target` */
export const dotted = (path: Path): string =>
  path.map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`)).join('');

/** A value in a sentence. */
export function shown(tree: Tree): string {
  if (tree.kind === 'sequence') return 'a list';
  if (tree.kind === 'mapping') return 'a mapping';
  if (typeof tree.value === 'string') return `"${shortened(tree.value)}"`;
  return tree.value === null ? 'empty' : String(tree.value);
}

/** `a, b or c` */
export function listed(words: readonly string[], last: string): string {
  if (words.length <= 1) return words[0] ?? 'something else';
  return `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1)}`;
}

/** A value as one would write it in a line of a stack file. */
export function flow(value: unknown): string {
  if (value === null) return '';
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value === 'object') {
    return `{ ${Object.entries(value)
      .map(([key, each]) => `${flow(key)}: ${flow(each)}`)
      .join(', ')} }`;
  }
  const isPlain = typeof value === 'string' && /^[\w./][\w./-]*$/.test(value) && Number.isNaN(Number(value));
  const plain = typeof value !== 'string' || (isPlain && !/^(true|false|null|0o.*|\d+)$/i.test(value));
  return plain ? String(value) : JSON.stringify(value);
}
