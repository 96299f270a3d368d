import type { Origin } from '../model/source.ts';
import type { NormalStack } from '../spec/normal.ts';
import { type Mapping, nearest, originOf, type Path, type Place, type Tree, toValue } from '../spec/tree.ts';

export type { Path } from '../spec/tree.ts';

/** The normalised stack twice: as plain data to read from, and as the tree that knows where each value was written. */
export type View = {
  readonly stack: NormalStack;
  readonly tree: Mapping;
};

export const viewOf = (tree: Mapping): View => ({ stack: toValue(tree) as NormalStack, tree });

/** Where the value at `path` was written, or what is around it. */
export const placeAt = ({ tree }: View, ...path: Path): Tree => nearest(tree, path).tree;

/** Where the key at `path` was written, or what is around it. */
export function keyAt({ tree }: View, ...path: Path): Place {
  const found = nearest(tree, path);
  return found.key ?? found.tree;
}

/** The same as an origin, when somebody wrote the value. */
export function writtenAt({ tree }: View, ...path: Path): Origin | undefined {
  const found = nearest(tree, path);
  return found.exact && found.tree.implied === undefined ? originOf(found.tree) : undefined;
}
