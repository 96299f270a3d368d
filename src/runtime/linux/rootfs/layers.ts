import { posix } from 'node:path';
import type { TreeEntry } from './host-tree.ts';

export type Entries = ReadonlyMap<string, TreeEntry>;

/** Below this a layer of its own costs more in look-ups than it saves in copying. */
const fewestEntries = 100;

/**
 * Splits what one root filesystem consists of, so that large parts which many have in common (time zones, the standard
 * library of Python) exist once: making inodes is what costs most when a tree is built. The first is the rest; each
 * part has all directories that lead to it, with the attributes they have in the whole.
 */
export function splitLayers(entries: Entries, roots: ReadonlySet<string>): readonly Entries[] {
  const parts = [...roots]
    .map((root) => ({ root, entries: below(entries, root) }))
    .filter((part) => part.entries.size >= fewestEntries)
    // Of nested ones the outer has all.
    .filter((part, _, all) => !all.some((other) => part.root.startsWith(`${other.root}/`)))
    .sort((a, b) => (a.root < b.root ? -1 : 1));
  const rest = new Map(entries);
  for (const part of parts) for (const path of part.entries.keys()) rest.delete(path);
  return [rest, ...parts.map((part) => new Map([...leadingTo(entries, part.root), ...part.entries]))];
}

const below = (entries: Entries, root: string): Entries =>
  new Map([...entries].filter(([path]) => path === root || path.startsWith(`${root}/`)));

function leadingTo(entries: Entries, root: string): readonly (readonly [string, TreeEntry])[] {
  const parents: [string, TreeEntry][] = [];
  for (let path = posix.dirname(root); path !== '/'; path = posix.dirname(path)) {
    const entry = entries.get(path);
    if (entry !== undefined) parents.push([path, entry]);
  }
  return parents.reverse();
}
