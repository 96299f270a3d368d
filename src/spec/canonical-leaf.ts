import { posix } from 'node:path';
import { goNumber } from './number.ts';
import type { Report } from './report.ts';
import {
  type Entry,
  implied,
  mappingAt,
  placeOf,
  type Scalar,
  type Sequence,
  scalarAt,
  sequenceAt,
  type Tree,
} from './tree.ts';
import {
  formatDuration,
  formatMode,
  parseBoolean,
  parseBytes,
  parseDecimal,
  parseDuration,
  parseInteger,
  parseMicros,
  parseMode,
} from './units.ts';
import { splitWords } from './words.ts';

/**
 * The canonical form is that of `config`: every short form written out, numbers as numbers, sizes as decimal text,
 * durations as Go prints them, paths absolute. Values that the schema refused are gone by now; what still does not fit
 * (a variable with `--no-interpolate`) stays as it is.
 */
export type Canon = (tree: Tree, scope: Scope) => Tree;

export type Scope = {
  readonly report: Report;
  /** Relative paths are relative to this; absent: they stay relative. */
  readonly base?: string | undefined;
  readonly home: string;
};

/** Rewrites the values of a mapping by key; keys that are not in the table stay. */
export const fields = (table: { readonly [key: string]: Canon }): Canon => {
  const canons = new Map(Object.entries(table));
  return (tree, scope) => rewritten(tree, scope, (key) => canons.get(key));
};

/** Rewrites every value of a mapping. */
export const values =
  (canon: Canon): Canon =>
  (tree, scope) =>
    rewritten(tree, scope, () => canon);

/** The same tree when nothing changes: most values are in canonical form as they are written. */
function rewritten(tree: Tree, scope: Scope, canonOf: (key: string) => Canon | undefined): Tree {
  if (tree.kind !== 'mapping') return tree;
  let entries: Map<string, Entry> | undefined;
  for (const [key, entry] of tree.entries) {
    const canon = entry.value.tag === 'reset' ? undefined : canonOf(key);
    const value = canon === undefined ? entry.value : canon(entry.value, scope);
    if (value === entry.value) continue;
    entries ??= new Map(tree.entries);
    entries.set(key, { key: entry.key, value });
  }
  return entries === undefined ? tree : mappingAt(tree, entries);
}

/** Rewrites every item of a list. */
export const items = (canon: Canon): Canon => flatItems((item, scope) => [canon(item, scope)]);

/** Rewrites every item of a list into any number of items; those that are marked as gone are left out. */
export const flatItems =
  (canon: (tree: Tree, scope: Scope) => readonly Tree[]): Canon =>
  (tree, scope) => {
    if (tree.kind !== 'sequence') return tree;
    const items: Tree[] = [];
    let same = true;
    for (const item of tree.items) {
      const made = item.tag === 'reset' ? [] : canon(item, scope);
      same &&= made.length === 1 && made[0] === item;
      items.push(...made);
    }
    return same ? tree : sequenceAt(tree, items);
  };

export const asList: Canon = (tree) =>
  tree.kind === 'scalar' && tree.value !== null ? sequenceAt(tree, [untagged(tree)]) : tree;

/** The tag of a value belongs to the whole; its parts have none. */
export const untagged = <T extends Tree>(tree: T): T =>
  tree.tag === undefined && tree.replaced === undefined ? tree : { ...tree, tag: undefined, replaced: undefined };

type Parse = (value: string | number) => Scalar['value'] | undefined;

const cast =
  (parse: Parse): Canon =>
  (tree) => {
    if (tree.kind !== 'scalar' || tree.value === null || typeof tree.value === 'boolean') return tree;
    const value = parse(tree.value);
    return value === undefined || value === tree.value ? tree : scalarAt(tree, value);
  };

export const bool: Canon = (tree, scope) => {
  if (tree.kind !== 'scalar' || typeof tree.value !== 'string') return tree;
  const value = parseBoolean(tree.value);
  if (value === undefined) return tree;
  if (!['true', 'false'].includes(tree.value.toLowerCase())) {
    scope.report.warning('bad-value', {
      summary: `"${tree.value}" is read as ${value}`,
      at: tree,
      notes: ['write true or false'],
    });
  }
  return scalarAt(tree, value);
};
export const integer = cast(parseInteger);
export const decimal = cast(parseDecimal);
export const micros = cast(parseMicros);
export const bytes = cast((value) => {
  const size = parseBytes(value);
  return size === undefined ? undefined : String(size);
});
export const duration = cast((value) => {
  const time = parseDuration(String(value));
  return time === undefined ? undefined : formatDuration(time);
});
export const mode = cast((value) => {
  const bits = parseMode(value);
  return bits === undefined ? undefined : formatMode(bits);
});

/** Numbers and booleans as compose prints them. */
export const text: Canon = (tree) => {
  if (tree.kind !== 'scalar' || tree.value === null || typeof tree.value === 'string') return tree;
  return scalarAt(tree, typeof tree.value === 'number' ? goNumber(tree.value, tree.text) : String(tree.value));
};

/** The same, with nothing as the empty text. */
export const textOrEmpty: Canon = (tree, scope) =>
  tree.kind === 'scalar' && tree.value === null ? scalarAt(tree, '') : text(tree, scope);

/** A map of texts from a map or from a list of `NAME=value`; `bare` says what a name without a value becomes. */
export const pairs =
  (bare: 'null' | 'empty'): Canon =>
  (tree, scope) => {
    const canon = bare === 'null' ? text : textOrEmpty;
    if (tree.kind === 'mapping') return values(canon)(tree, scope);
    if (tree.kind !== 'sequence') return tree;
    const entries = new Map<string, Entry>();
    for (const item of tree.items) {
      if (item.kind !== 'scalar' || typeof item.value !== 'string') continue;
      const pair = splitPair(item, item.value, scope);
      if (pair === undefined) continue;
      const { name, value } = pair;
      const before = entries.get(name);
      const made = scalarAt(item, value ?? (bare === 'null' ? null : ''));
      entries.set(name, { key: before?.key ?? placeOf(item), value: made });
    }
    return mappingAt(tree, entries);
  };

function splitPair(item: Tree, written: string, scope: Scope): { name: string; value?: string } | undefined {
  const equals = written.indexOf('=');
  const name = equals === -1 ? written : written.slice(0, equals);
  if (name === '' || /\s$/.test(name)) {
    scope.report.error('bad-value', {
      summary: name === '' ? `"${written}" has no name before "="` : `the name in "${written}" ends with a blank`,
      at: item,
      notes: ['write NAME=value, without blanks around "="'],
    });
    return undefined;
  }
  return equals === -1 ? { name } : { name, value: written.slice(equals + 1) };
}

/** Text is split into words; what only a shell understands is pointed out. */
export const command: Canon = (tree, scope) => {
  if (tree.kind !== 'scalar' || typeof tree.value !== 'string') return tree;
  const words = splitWords(tree.value);
  if (!words.ok) {
    scope.report.error('bad-value', {
      summary: `cannot split the command into words: ${words.error}`,
      at: tree,
      notes: ['put quotes in pairs, or write the command as a list'],
    });
    return sequenceAt(tree, []);
  }
  const shell = words.value.find((word) => ['&&', '||', '|', ';', '>', '>>', '<', '&'].includes(word));
  if (shell !== undefined) {
    scope.report.warning('bad-value', {
      summary: `"${shell}" is passed to the program as an argument: no shell runs the command`,
      at: tree,
      notes: ['for a shell write ["sh", "-c", "…"]'],
    });
  }
  const parts: Sequence['items'] = words.value.map((word) => scalarAt(untagged(tree), word));
  return sequenceAt(tree, parts);
};

/** A path on the host, made absolute. */
export const hostPath: Canon = (tree, scope) => {
  if (tree.kind !== 'scalar' || typeof tree.value !== 'string' || tree.value === '') return tree;
  const path = absolute(tree.value, scope);
  return path === tree.value ? tree : scalarAt(tree, path);
};

export function absolute(path: string, scope: Pick<Scope, 'base' | 'home'>): string {
  if (scope.base === undefined) return path;
  if (path === '~') return scope.home;
  const inHome = path.startsWith('~/') ? posix.join(scope.home, path.slice(2)) : path;
  const full = posix.isAbsolute(inHome) ? posix.normalize(inHome) : posix.join(scope.base, inHome);
  return full.length > 1 && full.endsWith('/') ? full.slice(0, -1) : full;
}

/** A mapping built from a short form: every part stands where the short form does. */
export function built(at: Tree, parts: { readonly [key: string]: Scalar['value'] | Tree | undefined }): Tree {
  const entries = new Map<string, Entry>();
  const place = untagged(at);
  for (const [key, value] of Object.entries(parts)) {
    if (value === undefined) continue;
    const tree = typeof value === 'object' && value !== null ? value : scalarAt(place, value);
    entries.set(key, { key: placeOf(at), value: tree });
  }
  return mappingAt(at, entries);
}

/** Adds what is not there as a default. */
export function withDefaults(tree: Tree, defaults: { readonly [key: string]: Scalar['value'] }): Tree {
  if (tree.kind !== 'mapping') return tree;
  const entries = new Map(tree.entries);
  for (const [key, value] of Object.entries(defaults)) {
    if (!entries.has(key)) entries.set(key, { key: placeOf(tree), value: implied(tree, value) });
  }
  return entries.size === tree.entries.size ? tree : mappingAt(tree, entries);
}
