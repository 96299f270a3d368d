import { hookTimeOf } from '../model/hook-time.ts';
import type { Cause } from '../model/plan.ts';
import type { ObservedContainer } from '../model/state.ts';
import type { ContainerName, Millis } from '../model/units.ts';
import { addHooks, leftAfterEnd } from './hooks.ts';
import { byText, dependenciesInOrder, positions, serviceGraph, startOrder } from './order.ts';
import type { StepList } from './steps.ts';

/** A container that is to be stopped, if it runs, and perhaps removed. */
export type Ending = {
  readonly container: ObservedContainer;
  readonly cause: Cause;
  readonly remove?: { readonly volumes: boolean } | undefined;
  /** The stop is to be remembered; then it is also planned for a container that has ended, but might be restarted. */
  readonly byUser?: true | undefined;
};

/** Ids of the last steps that end a container; absent where there was nothing to do. */
export type Ended = { readonly stopped?: string | undefined; readonly removed?: string | undefined };

export const isAlive = (container: ObservedContainer): boolean =>
  container.status.kind === 'running' || container.status.kind === 'paused';

export type EndingOptions = {
  readonly graceMs?: Millis | undefined;
  /** `skip`: who wants it over at once does not want its hooks before the stop, either. */
  readonly preStop?: 'skip' | undefined;
  /** `whole`: the hooks after the end take the time they take, although a grace is given. */
  readonly postStop?: 'whole' | undefined;
  /** Steps that must have succeeded before the first one here. */
  readonly after?: readonly (string | undefined)[] | undefined;
};

/**
 * Adds the stops (dependents first, and no dependency before all its dependents have ended), then the removals. The order
 * is that of the files the containers were made from, not of the present one.
 *
 *     hook web pre-stop 1 → stop web → hook web post-stop 1 ─┬→ remove web
 *                                                            └→ hook db pre-stop 1 → stop db …
 */
export function addEndings(
  list: StepList,
  endings: readonly Ending[],
  { after: before = [], ...options }: EndingOptions = {},
): ReadonlyMap<ContainerName, Ended> {
  const graph = serviceGraph(endings.map(({ container }) => container));
  const order = positions(startOrder(graph));
  const position = ({ container }: Ending): number => order.get(container.service) ?? 0;
  const sorted = [...endings].sort(
    (a, b) =>
      position(b) - position(a) ||
      byText(b.container.service, a.container.service) ||
      b.container.number - a.container.number,
  );

  const ended = new Map<ContainerName, Ended>();
  for (const ending of sorted) {
    const { container } = ending;
    if (!isAlive(container) && !ending.byUser && leftAfterEnd(container) === undefined) continue;
    const dependents = sorted.filter((other) =>
      dependenciesInOrder(other.container.service, { graph, order }).some((edge) => edge.service === container.service),
    );
    const after = [...before, ...dependents.map((other) => ended.get(other.container.name)?.stopped)];
    ended.set(container.name, { stopped: addStop(list, ending, { ...options, after }) });
  }
  for (const { container, cause, remove } of sorted) {
    if (remove === undefined) continue;
    const stopped = ended.get(container.name)?.stopped;
    const action = { kind: 'remove', container: container.name, volumes: remove.volumes } as const;
    ended.set(container.name, { stopped, removed: list.add({ action, cause, after: [...before, stopped] }) });
  }
  return ended;
}

function addStop(
  list: StepList,
  { container, cause, byUser }: Ending,
  {
    graceMs,
    preStop,
    postStop,
    after,
  }: Omit<EndingOptions, 'after'> & { readonly after: readonly (string | undefined)[] },
): string | undefined {
  const { name, config } = container;
  const { stopSignal, stopGraceMs, hooks } = config;
  const about = { container: name, cause };
  let before = after;
  // A paused container cannot run a hook, and waking it for one would let it work on.
  if (container.status.kind === 'running' && preStop !== 'skip')
    before = addHooks(list, { ...about, when: 'pre-stop', hooks: hooks.preStop, ...hookTime(graceMs), after: before });
  if (isAlive(container) || byUser) {
    const grace = { signal: stopSignal, graceMs: graceMs ?? stopGraceMs };
    const action = { kind: 'stop', container: name, ...grace, ...(byUser && { byUser }) } as const;
    before = [list.add({ action, cause, after: before })];
  }
  const left = isAlive(container) ? { from: 0 } : leftAfterEnd(container);
  if (left === undefined) return before[0];
  const time = postStop === 'whole' ? {} : hookTime(graceMs);
  return addHooks(list, {
    ...about,
    when: 'post-stop',
    hooks: hooks.postStop,
    from: left.from,
    ...time,
    after: before,
  })[0];
}

/** Who says how long a stop may take says it of each hook, too. */
const hookTime = (graceMs: Millis | undefined): { readonly withinMs?: Millis } =>
  graceMs === undefined ? {} : { withinMs: hookTimeOf(graceMs) };
