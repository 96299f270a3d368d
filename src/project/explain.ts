import type { Origin } from '../model/source.ts';
import { nearest, originOf, type Scalar, type Tree, toValue, type VariableUse } from '../spec/tree.ts';
import { withImages } from './images.ts';
import type { Stack } from './stack.ts';

/** One place that had a say in a value. */
export type Contributor = {
  readonly value: unknown;
  /** Where it is written; a default is placed at the element it belongs to. */
  readonly origin: Origin;
  readonly implied: boolean;
  /** The variables in it, each with who gave it its value. */
  readonly variables: readonly VariableUse[];
};

/** Who gave the value at `path` (`services.web.environment.PORT`), the one that counts first; nothing when there is no such value. */
export function explain(stack: Stack, path: string): readonly Contributor[] | undefined {
  const whole = withImages(stack.tree);
  const steps = stepsOf(whole, path);
  if (steps === undefined) return undefined;
  const found: Contributor[] = [];
  const { tree, key } = nearest(whole, steps);
  let at: Tree | undefined = tree;
  for (; at !== undefined; at = at.replaced) {
    found.push({
      value: toValue(at),
      // What is made of parts, from several files perhaps, is best shown by its name.
      origin: originOf(at === tree && at.kind !== 'scalar' && key !== undefined ? key : at),
      implied: at.implied === true,
      variables: at.kind === 'scalar' ? ((at as Scalar).uses ?? []) : [],
    });
  }
  return found;
}

/** The values below `path` that are not made of others, in order of their paths. */
export function writtenBelow(stack: Stack, path: string): readonly Leaf[] {
  const whole = withImages(stack.tree);
  const steps = stepsOf(whole, path);
  return steps === undefined ? [] : leavesOf(nearest(whole, steps).tree, '');
}

export type Leaf = Pick<Contributor, 'value' | 'origin' | 'implied'> & {
  /** From the value that was asked for on. */
  readonly path: string;
};

function leavesOf(tree: Tree, path: string): readonly Leaf[] {
  const parts: readonly (readonly [string, Tree])[] =
    tree.kind === 'mapping'
      ? [...tree.entries].map(([key, { value }]) => [key, value] as const)
      : tree.kind === 'sequence'
        ? tree.items.map((item, i) => [String(i), item] as const)
        : [];
  if (parts.length === 0)
    return [{ path, value: toValue(tree), origin: originOf(tree), implied: tree.implied === true }];
  return parts.flatMap(([key, part]) => leavesOf(part, path === '' ? key : `${path}.${key}`));
}

/** Keys may have dots in them: the longest key that fits is taken at every level; `[0]` and `.0` both mean an item. */
function stepsOf(tree: Tree, path: string): (string | number)[] | undefined {
  if (path === '') return [];
  if (tree.kind === 'scalar') return undefined;
  const plain = path.replace(/^\./, '');
  if (tree.kind === 'sequence') {
    const match = /^\[?(\d+)\]?(?:\.|(?=\[)|$)/.exec(plain);
    const index = Number(match?.[1]);
    const item = match === null ? undefined : tree.items[index];
    const rest = item === undefined || match === null ? undefined : stepsOf(item, plain.slice(match[0].length));
    return rest === undefined ? undefined : [index, ...rest];
  }
  for (const [key, { value }] of [...tree.entries].sort(([a], [b]) => b.length - a.length)) {
    if (!plain.startsWith(key) || !/^($|[.[])/.test(plain.slice(key.length))) continue;
    const rest = stepsOf(value, plain.slice(key.length));
    if (rest !== undefined) return [key, ...rest];
  }
  return undefined;
}
