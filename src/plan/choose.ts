import type { ObservedContainer, ObservedState } from '../model/state.ts';
import type { ServiceName } from '../model/units.ts';
import { byText, serviceGraph, withDependencies, withDependents } from './order.ts';

/** Which services a command is about; absent or empty: all there are. */
export type Chosen = { readonly services?: readonly ServiceName[] | undefined };

/** What is chosen drags along: the services it needs, those that need it, or of these only the ones that asked for it. */
export type Along = 'nothing' | 'dependencies' | 'dependents' | 'restarting-dependents';

/** The containers of the chosen services and of those dragged along, by name. Unknown services choose nothing. */
export function choose(
  observed: ObservedState,
  { services = [] }: Chosen,
  { along = 'nothing' }: { readonly along?: Along } = {},
): readonly ObservedContainer[] {
  const graph = serviceGraph(observed.containers);
  const roots = services.length === 0 ? new Set(graph.keys()) : new Set(services);
  const reached = reach(roots, graph, { along });
  return observed.containers
    .filter(({ service }) => reached.has(service))
    .sort((a, b) => byText(a.service, b.service) || a.number - b.number);
}

/** For commands that clear away: what `run` has left goes with the replicas. */
export const withOneOffs = (observed: ObservedState): ObservedState => ({
  ...observed,
  containers: [...observed.containers, ...(observed.oneOffs ?? [])],
});

function reach(
  roots: ReadonlySet<ServiceName>,
  graph: ReturnType<typeof serviceGraph>,
  { along }: { readonly along: Along },
): ReadonlySet<ServiceName> {
  if (along === 'nothing') return roots;
  if (along === 'dependencies') return withDependencies(roots, graph);
  return withDependents(roots, graph, { follow: (edge) => along === 'dependents' || edge.restart });
}
