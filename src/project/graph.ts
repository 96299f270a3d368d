import type { Dependency, Service } from '../model/project.ts';
import type { ServiceName } from '../model/units.ts';

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

/** Dependencies before dependents, otherwise as given; there must be no circle. */
export function inOrder<T extends Node>(nodes: readonly T[]): T[] {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const waiting = new Map(
    nodes.map((node) => [node.name, node.dependsOn.filter(({ service }) => byName.has(service)).length]),
  );
  const dependents = new Map<string, T[]>();
  for (const node of nodes) {
    for (const { service } of node.dependsOn) {
      const list = dependents.get(service);
      if (list === undefined) dependents.set(service, [node]);
      else list.push(node);
    }
  }
  const ready = nodes.filter(({ name }) => waiting.get(name) === 0);
  for (const node of ready) {
    for (const dependent of dependents.get(node.name) ?? []) {
      const left = (waiting.get(dependent.name) as number) - 1;
      waiting.set(dependent.name, left);
      if (left === 0) ready.push(dependent);
    }
  }
  return ready;
}

/** The named services and all they need, each once. */
export function closure(services: readonly Service[], names: readonly ServiceName[]): Set<ServiceName> {
  const byName = new Map(services.map((service) => [service.name, service]));
  const found = new Set<ServiceName>();
  const open = [...names];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const service = byName.get(name);
    if (service === undefined || found.has(name)) continue;
    found.add(name);
    open.push(...service.dependsOn.map((dependency: Dependency) => dependency.service));
  }
  return found;
}
