import type { Plan, Step } from '../model/plan.ts';
import type { DesiredContainer, DesiredState, ObservedState, OneOff } from '../model/state.ts';
import type { ContainerName, Millis, ServiceName, SignalName } from '../model/units.ts';
import type { Compare } from './options.ts';
import { serviceGraph, withDependencies } from './order.ts';
import { orphansOf, reconcile } from './reconcile.ts';
import { StepList } from './steps.ts';

export type RunOptions = {
  readonly compare: Compare;
  readonly container: DesiredContainer;
  readonly oneOff: OneOff;
  /** `ignore` (--no-deps): what its service depends on is left alone and not waited for. */
  readonly dependencies: 'follow' | 'ignore';
  readonly removeOrphans: boolean;
};

/**
 * `run`: what its service depends on, then the one-off. The same reconciling as for `up`, on a file in which the one-off is
 * all there is of its service; what runs already is kept as it is, changed or not, and nobody else feels anything.
 */
export function planRun(desired: DesiredState, observed: ObservedState, options: RunOptions): Plan {
  const { container, oneOff, dependencies, compare, removeOrphans } = options;
  const orphans = removeOrphans ? new Set(orphansOf(desired, observed)) : undefined;
  const needed = withDependencies([container.service], serviceGraph([...desired.containers, container]));
  const isNeeded = ({ service }: { readonly service: ServiceName }) =>
    service !== container.service && needed.has(service);
  const narrowed: DesiredState = {
    ...desired,
    containers: [...desired.containers.filter(isNeeded), container],
    // Networks stay as they are under the feet of those who use them.
    networks: desired.networks.map(
      (network) => observed.networks.find(({ name }) => name === network.name)?.network ?? network,
    ),
  };
  const { steps } = reconcile(
    narrowed,
    { ...observed, containers: observed.containers.filter((each) => isNeeded(each) || orphans?.has(each)) },
    {
      compare,
      services: [container.service],
      dependencies,
      recreate: 'never',
      recreateDependencies: 'never',
      removeOrphans,
    },
  );
  return { steps: steps.map((step) => marked(step, container.name, oneOff)) };
}

function marked(step: Step, name: ContainerName, oneOff: OneOff): Step {
  const { action } = step;
  return action.kind === 'create' && action.container.name === name ? { ...step, action: { ...action, oneOff } } : step;
}

const sigkill = 'SIGKILL' as SignalName;

/** The command of a one-off is over: it goes, or only what is left running in it does. */
export function planOneOffEnd(
  { oneOffs = [] }: ObservedState,
  { container: name, remove }: { readonly container: ContainerName; readonly remove: boolean },
): Plan {
  const container = oneOffs.find((candidate) => candidate.name === name);
  const list = new StepList();
  const cause = { kind: 'requested' } as const;
  if (container === undefined) return { steps: [] };
  if (remove) list.add({ action: { kind: 'remove', container: name, volumes: true }, cause });
  else list.add({ action: { kind: 'stop', container: name, signal: sigkill, graceMs: 0 as Millis }, cause });
  return { steps: list.steps };
}
