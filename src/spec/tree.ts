import type { Origin, SourceFile } from '../model/source.ts';

/**
 * A parsed value that knows where it was written. Trees are never changed in place: interpolation, merging and the
 * canonical form make new nodes that point at the same places.
 */
export type Tree = Scalar | Sequence | Mapping;

type Written = {
  readonly file: SourceFile;
  readonly start: number;
  readonly end: number;
  /** `!reset` removes what an earlier file said, `!override` replaces instead of merging. */
  readonly tag?: Tag | undefined;
  /** What this value took the place of when files were merged: an earlier contributor. */
  readonly replaced?: Tree | undefined;
  /** true: nobody wrote it, it is a default; its place is that of the element it belongs to. */
  readonly implied?: true | undefined;
};

export type Tag = 'reset' | 'override';

export type Scalar = Written & {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  /** A number as it was written, when formatting `value` would lose something of it. */
  readonly text?: string | undefined;
  /** Variables that took part in the value, in order. */
  readonly uses?: readonly VariableUse[] | undefined;
};

export type Sequence = Written & { readonly kind: 'sequence'; readonly items: readonly Tree[] };

export type Mapping = Written & { readonly kind: 'mapping'; readonly entries: ReadonlyMap<string, Entry> };

export type Entry = {
  /** Where the key was written; for a made-up entry, the place of its value. */
  readonly key: Place;
  readonly value: Tree;
};

/** From the root: keys of mappings and indices of lists. */
export type Path = readonly (string | number)[];

export type Place = { readonly file: SourceFile; readonly start: number; readonly end: number };

/** One substitution: which variable, and who gave it its value. */
export type VariableUse = { readonly name: string; readonly source: VariableSource };

export type VariableSource =
  | { readonly kind: 'environment' }
  | { readonly kind: 'env-file'; readonly origin: Origin }
  | { readonly kind: 'default' }
  | { readonly kind: 'alternate' }
  | { readonly kind: 'built-in' }
  | { readonly kind: 'unset' };

export const originOf = (place: Place): Origin => ({
  file: place.file,
  range: { start: place.start, end: place.end },
});

/** A scalar at the place of `at`: same position, same history, another value. */
export const scalarAt = (at: Tree, value: Scalar['value']): Scalar => ({
  kind: 'scalar',
  file: at.file,
  start: at.start,
  end: at.end,
  tag: at.tag,
  replaced: at.replaced,
  implied: at.implied,
  value,
  text: undefined,
  uses: at.kind === 'scalar' ? at.uses : undefined,
});

export const sequenceAt = (at: Tree, items: readonly Tree[]): Sequence => ({
  kind: 'sequence',
  file: at.file,
  start: at.start,
  end: at.end,
  tag: at.tag,
  replaced: at.replaced,
  implied: at.implied,
  items,
});

export const mappingAt = (at: Tree, entries: ReadonlyMap<string, Entry>): Mapping => ({
  kind: 'mapping',
  file: at.file,
  start: at.start,
  end: at.end,
  tag: at.tag,
  replaced: at.replaced,
  implied: at.implied,
  entries,
});

export const placeOf = (tree: Place): Place => ({ file: tree.file, start: tree.start, end: tree.end });

/** A value that nobody wrote, placed at the element it belongs to. */
export const implied = (at: Place, value: Scalar['value']): Scalar => ({
  kind: 'scalar',
  file: at.file,
  start: at.start,
  end: at.end,
  tag: undefined,
  replaced: undefined,
  implied: true,
  value,
  text: undefined,
  uses: undefined,
});

export const impliedMapping = (at: Place, entries: ReadonlyMap<string, Entry>): Mapping => ({
  kind: 'mapping',
  file: at.file,
  start: at.start,
  end: at.end,
  tag: undefined,
  replaced: undefined,
  implied: true,
  entries,
});

/** A copy of `mapping` in which `changes` are set; `undefined` takes a key away. */
export function withEntries(mapping: Mapping, changes: { readonly [key: string]: Tree | undefined }): Mapping {
  const entries = new Map(mapping.entries);
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) entries.delete(key);
    else entries.set(key, { key: entries.get(key)?.key ?? placeOf(value), value });
  }
  return mappingAt(mapping, entries);
}

/** The child called `key` of a mapping, or nothing. */
export const child = (tree: Tree | undefined, key: string): Tree | undefined =>
  tree?.kind === 'mapping' ? tree.entries.get(key)?.value : undefined;

/** The node at `path`, or the deepest one on the way there. */
export function nearest(tree: Tree, path: readonly (string | number)[]): { tree: Tree; key?: Place; exact: boolean } {
  let at: Tree = tree;
  let key: Place | undefined;
  for (const step of path) {
    const entry: Entry | undefined = at.kind === 'mapping' ? at.entries.get(String(step)) : undefined;
    const next: Tree | undefined = at.kind === 'sequence' ? at.items[Number(step)] : entry?.value;
    if (next === undefined) return key === undefined ? { tree: at, exact: false } : { tree: at, key, exact: false };
    key = entry?.key;
    at = next;
  }
  return key === undefined ? { tree: at, exact: true } : { tree: at, key, exact: true };
}

/** Plain data; what `!reset` marks is left out. */
export function toValue(tree: Tree): unknown {
  if (tree.kind === 'scalar') return tree.value;
  if (tree.kind === 'sequence') return tree.items.map(toValue);
  const object: { [key: string]: unknown } = {};
  for (const [key, entry] of tree.entries) {
    if (entry.value.tag === 'reset') continue;
    // A plain assignment to `__proto__` would change the prototype instead of adding a key.
    if (key === '__proto__') Object.defineProperty(object, key, { value: toValue(entry.value), enumerable: true });
    else object[key] = toValue(entry.value);
  }
  return object;
}

/** Same data, wherever it was written. */
export function sameValue(a: Tree, b: Tree): boolean {
  if (a.kind === 'scalar') return b.kind === 'scalar' && a.value === b.value;
  if (a.kind === 'sequence') {
    return (
      b.kind === 'sequence' &&
      a.items.length === b.items.length &&
      a.items.every((x, i) => sameValue(x, b.items[i] as Tree))
    );
  }
  if (b.kind !== 'mapping' || a.entries.size !== b.entries.size) return false;
  for (const [key, entry] of a.entries) {
    const other = b.entries.get(key);
    if (other === undefined || !sameValue(entry.value, other.value)) return false;
  }
  return true;
}
