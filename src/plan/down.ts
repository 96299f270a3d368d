import type { Plan } from '../model/plan.ts';
import type { DesiredState, ObservedContainer, ObservedState } from '../model/state.ts';
import type { ContainerName, Millis } from '../model/units.ts';
import { type Chosen, choose, withOneOffs } from './choose.ts';
import { addEndings } from './ending.ts';
import { byText } from './order.ts';
import { orphansOf } from './reconcile.ts';
import { networksOf, volumesOf } from './resources.ts';
import { StepList } from './steps.ts';

export type DownOptions = Chosen & {
  /** What the file says; absent (it is gone, or only `-p` was given): everything of the project goes. */
  readonly desired?: DesiredState | undefined;
  /** Also containers, networks and volumes that the file does not know (any more). */
  readonly removeOrphans?: boolean | undefined;
  /** -v: volumes go too, those the file calls external excepted. */
  readonly volumes?: boolean | undefined;
  readonly graceMs?: Millis | undefined;
};

/**
 * Stops and removes containers (of named services: with all that depend on them), then networks nobody is left in, then
 * volumes if asked for.
 */
export function planDown(present: ObservedState, options: DownOptions = {}): Plan {
  const observed = withOneOffs(present);
  const { desired, graceMs } = options;
  const orphans = new Set(desired === undefined ? [] : orphansOf(desired, observed));
  const leaving = choose(observed, options, { along: 'dependents' }).filter(
    (container) => options.removeOrphans || !orphans.has(container),
  );

  const list = new StepList();
  const cause = { kind: 'requested' } as const;
  const endings = leaving.map((container) => ({
    container,
    cause: orphans.has(container) ? ({ kind: 'orphan' } as const) : cause,
    remove: { volumes: options.volumes === true },
  }));
  const ended = addEndings(list, endings, { graceMs });

  const gone = new Set<ContainerName>(leaving.map(({ name }) => name));
  const partial = (options.services ?? []).length > 0;
  const removalsOf = (users: readonly ObservedContainer[]) => users.map(({ name }) => ended.get(name)?.removed);
  for (const { name, network } of [...observed.networks].sort((a, b) => byText(a.name, b.name))) {
    const users = observed.containers.filter((container) => networksOf(container).includes(network.key));
    if (!mayGo({ users, gone, partial })) continue;
    list.add({ action: { kind: 'remove-network', network: { ...network, name } }, cause, after: removalsOf(users) });
  }
  if (!options.volumes) return { steps: list.steps };
  for (const { name, key } of [...observed.volumes].sort((a, b) => byText(a.name, b.name))) {
    const users = observed.containers.filter((container) => volumesOf(container).includes(name));
    const volume = desired?.volumes.find((wanted) => wanted.name === name);
    const isOurs = desired === undefined || options.removeOrphans || key === '' || volume !== undefined;
    if (!isOurs || volume?.external || !mayGo({ users, gone, partial })) continue;
    list.add({ action: { kind: 'remove-volume', name }, cause, after: removalsOf(users) });
  }
  return { steps: list.steps };
}

/** A thing may go when nobody is left who uses it; when only some services leave, when it was theirs. */
function mayGo({
  users,
  gone,
  partial,
}: {
  readonly users: readonly ObservedContainer[];
  readonly gone: ReadonlySet<ContainerName>;
  readonly partial: boolean;
}): boolean {
  return users.every(({ name }) => gone.has(name)) && !(partial && users.length === 0);
}
