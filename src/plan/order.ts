import type { Dependency } from '../model/project.ts';
import type { ServiceName } from '../model/units.ts';

type Member = { readonly service: ServiceName; readonly dependsOn: readonly Dependency[] };

/** The services a set of containers consists of, and what each of them says it needs. */
export type ServiceGraph = ReadonlyMap<ServiceName, readonly Dependency[]>;

/** All containers of a service are made from one definition; if they differ (half-way through a change), all edges count. */
export function serviceGraph(members: readonly Member[]): ServiceGraph {
  const graph = new Map<ServiceName, Dependency[]>();
  for (const { service, dependsOn } of members) {
    const edges = graph.get(service) ?? [];
    for (const dependency of dependsOn) if (!edges.some((edge) => isSame(edge, dependency))) edges.push(dependency);
    graph.set(service, edges);
  }
  return graph;
}

const isSame = (a: Dependency, b: Dependency): boolean =>
  a.service === b.service &&
  a.condition === b.condition &&
  a.pattern === b.pattern &&
  a.restart === b.restart &&
  a.required === b.required;

/**
 * Services in start order, dependencies first, by name where nothing decides. The loader refuses cycles in a file, but
 * what is *running* may come from several versions of it and contain one: its last edge is then left out, so that this
 * function is total and a plan can never wait for itself.
 */
export function startOrder(graph: ServiceGraph): readonly ServiceName[] {
  const order: ServiceName[] = [];
  const seen = new Set<ServiceName>();
  const visit = (service: ServiceName): void => {
    if (seen.has(service)) return;
    seen.add(service);
    const needed = [...(graph.get(service) ?? [])].map((dependency) => dependency.service).sort(byText);
    for (const dependency of needed) if (graph.has(dependency)) visit(dependency);
    order.push(service);
  };
  for (const service of [...graph.keys()].sort(byText)) visit(service);
  return order;
}

/** Code unit order: the same on every machine, whatever its locale. */
export const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** What is needed by `service` and stands before it in `order`; an edge that closes a cycle does not. */
export function dependenciesInOrder(
  service: ServiceName,
  { graph, order }: { readonly graph: ServiceGraph; readonly order: ReadonlyMap<ServiceName, number> },
): readonly Dependency[] {
  const own = order.get(service) ?? Number.POSITIVE_INFINITY;
  return (graph.get(service) ?? []).filter((edge) => (order.get(edge.service) ?? Number.POSITIVE_INFINITY) < own);
}

/** Position of each element, for comparing. */
export const positions = <T>(order: readonly T[]): ReadonlyMap<T, number> =>
  new Map(order.map((item, index) => [item, index]));

/** `roots` and all that they need, directly or not. */
export function withDependencies(roots: Iterable<ServiceName>, graph: ServiceGraph): ReadonlySet<ServiceName> {
  const reached = new Set<ServiceName>();
  const queue = [...roots];
  for (let service = queue.pop(); service !== undefined; service = queue.pop()) {
    if (reached.has(service)) continue;
    reached.add(service);
    for (const dependency of graph.get(service) ?? []) queue.push(dependency.service);
  }
  return reached;
}

/** `roots` and all that need them, directly or not; `follow` says which edges count. */
export function withDependents(
  roots: Iterable<ServiceName>,
  graph: ServiceGraph,
  { follow = () => true }: { readonly follow?: (edge: Dependency) => boolean } = {},
): ReadonlySet<ServiceName> {
  const reached = new Set<ServiceName>(roots);
  for (let grew = true; grew; ) {
    grew = false;
    for (const [service, edges] of graph) {
      if (reached.has(service) || !edges.some((edge) => follow(edge) && reached.has(edge.service))) continue;
      reached.add(service);
      grew = true;
    }
  }
  return reached;
}
