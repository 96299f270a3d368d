import type { Note } from '../model/diagnostic.ts';
import type { Origin, SourceFile } from '../model/source.ts';
import { type Support, serviceSupport, topSupport } from '../spec/support.ts';
import { child, type Mapping, originOf, type Tree } from '../spec/tree.ts';
import type { Resolving } from './resolving.ts';
import type { Stack } from './stack.ts';

/** What becomes of one key that is written in the stack. */
export type KeySupport = Support & {
  /** `services.web.ports`. */
  readonly path: string;
  readonly origin: Origin;
};

/** Every key of the stack that somebody wrote, with its verdict, in the order of the files. */
export function supportOf(stack: Pick<Stack, 'tree'>): KeySupport[] {
  const found: KeySupport[] = [];
  for (const [section, entry] of stack.tree.entries) {
    if (section.startsWith('x-') && section !== 'x-tscompose') continue;
    if (section === 'services') continue;
    collect(entry.value, { table: topSupport, path: [section], shown: section, key: entry.key, found });
  }
  const services = child(stack.tree, 'services');
  if (services?.kind !== 'mapping') return found;
  for (const [name, { value }] of services.entries) {
    if (value.kind !== 'mapping') continue;
    for (const [key, entry] of value.entries) {
      if (key.startsWith('x-') && key !== 'x-tscompose') continue;
      collect(entry.value, {
        table: serviceSupport,
        path: [key],
        shown: `services.${name}.${key}`,
        key: entry.key,
        found,
      });
    }
  }
  return found;
}

type Collecting = {
  readonly table: { readonly [path: string]: Support };
  readonly path: readonly string[];
  readonly shown: string;
  readonly key: { readonly file: SourceFile; readonly start: number; readonly end: number };
  readonly found: KeySupport[];
};

/** One entry for a key of the table and one for each of its parts that has a verdict of its own. */
function collect(tree: Tree, at: Collecting): void {
  if (tree.implied !== undefined) return;
  const known = at.table[`${at.path.join('.')}=${textOf(tree)}`] ?? wildcard(at, tree) ?? at.table[at.path.join('.')];
  if (known !== undefined) at.found.push({ ...known, path: at.shown, origin: originOf(at.key) });
  if (known?.verdict === 'notice' || tree.kind !== 'mapping' || !hasParts(at)) return;
  const any = Object.keys(at.table).some((path) => path.startsWith(`${at.path.join('.')}.*`));
  for (const [key, entry] of (tree as Mapping).entries) {
    collect(entry.value, { ...at, path: [...at.path, any ? '*' : key], shown: `${at.shown}.${key}`, key: entry.key });
  }
}

const textOf = (tree: Tree): string => (tree.kind === 'scalar' ? String(tree.value) : '');

/** `network_mode=service:*`. */
function wildcard({ table, path }: Collecting, tree: Tree): Support | undefined {
  const prefix = textOf(tree).split(':')[0];
  return prefix === textOf(tree) ? undefined : table[`${path.join('.')}=${prefix}:*`];
}

const hasParts = ({ table, path }: Collecting): boolean =>
  Object.keys(table).some((key) => key.startsWith(`${path.join('.')}.`));

/** One notice a file, naming every key that is accepted and has no effect. */
export function noticeUnsupported({ view, report }: Pick<Resolving, 'view' | 'report'>): void {
  const files = new Map<SourceFile, KeySupport[]>();
  for (const support of supportOf(view)) {
    if (support.verdict !== 'notice') continue;
    const list = files.get(support.origin.file);
    if (list === undefined) files.set(support.origin.file, [support]);
    else list.push(support);
  }
  for (const [, list] of files) {
    const sorted = [...list].sort((a, b) => a.origin.range.start - b.origin.range.start);
    const [first] = sorted;
    if (first === undefined) continue;
    const notes: Note[] = sorted.map(({ path, reason, origin }) => ({
      text: `${path}: ${reason ?? 'no effect'}`,
      origin,
    }));
    const count = sorted.length === 1 ? 'one setting has' : `${sorted.length} settings have`;
    report.add('notice', 'not-honoured', { summary: `${count} no effect: ${names(sorted)}`, at: first.origin, notes });
  }
}

function names(list: readonly KeySupport[]): string {
  const keys = [...new Set(list.map(({ path }) => path.replace(/^services\.[^.]+\./, '')))];
  return keys.length > 6 ? `${keys.slice(0, 6).join(', ')} and ${keys.length - 6} more` : keys.join(', ');
}
