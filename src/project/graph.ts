/** What a service needs; only this of it matters to the order. */
export type Node = { readonly name: string; readonly dependsOn: readonly { readonly service: string }[] };

/** The members of a circle in the order in which they need each other, the first one again at the end; nothing when there is none. */
export function findCycle(nodes: readonly Node[]): readonly string[] | undefined {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const done = new Set<string>();
  for (const start of nodes) {
    const found = walk(start, { byName, done });
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Depth first with a stack of its own: ten thousand services in a row must not exhaust ours. */
function walk(
  start: Node,
  { byName, done }: { byName: ReadonlyMap<string, Node>; done: Set<string> },
): string[] | undefined {
  if (done.has(start.name)) return undefined;
  const path: { node: Node; next: number }[] = [{ node: start, next: 0 }];
  const onPath = new Set([start.name]);
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    const edge = top.node.dependsOn[top.next];
    if (edge === undefined) {
      path.pop();
      onPath.delete(top.node.name);
      done.add(top.node.name);
      continue;
    }
    top.next += 1;
    const node = byName.get(edge.service);
    if (node === undefined || done.has(node.name)) continue;
    if (onPath.has(node.name)) {
      const names = path.map(({ node: each }) => each.name);
      return [...names.slice(names.indexOf(node.name)), node.name];
    }
    path.push({ node, next: 0 });
    onPath.add(node.name);
  }
  return undefined;
}
