import type { Cause } from '../model/plan.ts';
import type { ContainerConfig, Dependency, Origins } from '../model/project.ts';
import type { ContainerStatus, DesiredContainer, HooksLeft, ObservedContainer } from '../model/state.ts';
import type { ContainerName, Millis, ServiceName } from '../model/units.ts';
import { unreachable } from '../util/assert.ts';
import { addHooks } from './hooks.ts';
import { dependenciesInOrder, positions, serviceGraph, startOrder } from './order.ts';
import { type StepList, stepId } from './steps.ts';

/** What a start needs to know of a container; desired and observed ones both have it. */
export type Startable = {
  readonly name: ContainerName;
  readonly service: ServiceName;
  readonly number: number;
  readonly config: ContainerConfig;
  readonly dependsOn: readonly Dependency[];
  readonly origins?: Origins;
};

export type Proof = { readonly forMs: Millis; readonly required: boolean };

/** A container that is to run at the end, and what is still to be done for it. */
export type Starting = {
  readonly container: Startable;
  /** Its state when the plan was made; absent if it did not exist. */
  readonly status?: ContainerStatus | undefined;
  /** What to do; `nothing`: it is here because others may depend on it. */
  readonly work: 'nothing' | 'create' | 'create-and-start' | 'start' | 'finish' | 'unpause';
  readonly cause: Cause;
  readonly create?: { readonly container: DesiredContainer; readonly replaces?: ContainerName | undefined } | undefined;
  /** Those of its state that nobody has run; after an end they come before the next start. */
  readonly hooksLeft?: HooksLeft | undefined;
  /** Run the pre-start hooks: once for a definition, not for every replica. */
  readonly preStart?: boolean | undefined;
  readonly automatic?: true | undefined;
  /** It is an update, and has to prove itself; nobody else waits for that. */
  readonly proof?: Proof | undefined;
  /** Steps that must have succeeded before the first one here. */
  readonly after: readonly (string | undefined)[];
};

/**
 * Adds the creations, then the starts: a container starts when everything it depends on is as far as its condition says.
 * A condition that takes time is a step of its own, shared by all that wait for the same thing.
 *
 *     create db ──→ start db → hook db post-start 1 → wait db healthy ─┐
 *     create web ──────────────────────────────────────────────────────┴→ hook web pre-start 1 → start web
 */
export function addStartings(list: StepList, startings: readonly Starting[]): Started {
  const graph = serviceGraph(startings.map(({ container }) => container));
  const order = positions(startOrder(graph));
  const position = ({ container }: Starting): number => order.get(container.service) ?? 0;
  const sorted = [...startings].sort((a, b) => position(a) - position(b) || a.container.number - b.container.number);

  const created = new Map<ContainerName, string>();
  for (const { container, cause, create, after: before } of sorted) {
    if (create === undefined) continue;
    // A shared network is there as soon as its owner is made; it need not run.
    const owners = sorted.filter((other) => sharesNetworkOf(create.container, other.container));
    const after = [...before, ...owners.map((owner) => created.get(owner.container.name))];
    const action = {
      kind: 'create',
      container: create.container,
      ...(create.replaces !== undefined && { replaces: create.replaces }),
    } as const;
    created.set(container.name, list.add({ action, cause, after, origin: container.origins?.[''] }));
  }

  const started = new Map<ContainerName, string>();
  const conditionsFor = (container: Startable): readonly (string | undefined)[] =>
    dependenciesInOrder(container.service, { graph, order }).flatMap((dependency) =>
      sorted
        .filter((needed) => needed.container.service === dependency.service)
        .map((needed) => addCondition(list, { dependency, needed, dependent: container, started })),
    );
  for (const starting of sorted) {
    if (starting.work === 'nothing' || starting.work === 'create') continue;
    const { container } = starting;
    const creation = created.get(container.name);
    const before: (string | undefined)[] = creation === undefined ? [...starting.after] : [creation];
    if (starting.work !== 'finish') before.push(...conditionsFor(container));
    const last = addStart(list, { starting, before });
    if (last !== undefined) started.set(container.name, last);
    if (starting.proof !== undefined) addProof(list, { ...starting, proof: starting.proof, after: [last] });
  }
  return { order, conditionsFor };
}

/** What further steps have to know of the starts. */
export type Started = {
  /** Position of every service in start order. */
  readonly order: ReadonlyMap<ServiceName, number>;
  /** Adds what the container has to wait for, as far as it is not there yet; the ids of it. */
  readonly conditionsFor: (container: Startable) => readonly (string | undefined)[];
};

export function addProof(
  list: StepList,
  { container, cause, proof, after }: Pick<Starting, 'container' | 'cause' | 'after'> & { readonly proof: Proof },
): string {
  const action = { kind: 'prove', container: container.name, ...proof } as const;
  return list.add({ action, cause, after, origin: container.origins?.['deploy.update_config'] });
}

type Condition = {
  readonly dependency: Dependency;
  readonly needed: Starting;
  readonly dependent: Startable;
  readonly started: ReadonlyMap<ContainerName, string>;
};

/** The step after which `dependency` holds for one container of it; undefined: it holds already. */
function addCondition(list: StepList, { dependency, needed, dependent, started }: Condition): string | undefined {
  const startedBy = started.get(needed.container.name);
  if (dependency.condition === 'service_started') return startedBy;
  if (startedBy === undefined && holds(dependency, needed.status)) return undefined;
  const action = { kind: 'wait', container: needed.container.name, dependency } as const;
  const id = stepId(action);
  if (list.has(id)) return id;
  const cause = { kind: 'dependency', of: dependent.name } as const;
  const origin = dependent.origins?.[`depends_on.${dependency.service}`] ?? dependent.origins?.[''];
  return list.add({ action, cause, after: [startedBy], origin });
}

function holds(dependency: Dependency, status: ContainerStatus | undefined): boolean {
  switch (dependency.condition) {
    case 'service_started':
      return true;
    case 'service_healthy':
      return status?.kind === 'running' && status.health === 'healthy';
    case 'service_completed':
      return status?.kind === 'exited';
    case 'service_completed_successfully':
      return status?.kind === 'exited' && status.exitCode === 0;
    case 'service_log_line':
      return false; // only the log knows
    default:
      return unreachable(dependency.condition);
  }
}

/** The id of the last step of it; undefined when there is none. */
export function addStart(
  list: StepList,
  { starting, before }: { readonly starting: Starting; readonly before: readonly (string | undefined)[] },
): string | undefined {
  const { container, cause, automatic, work, status, hooksLeft } = starting;
  const { name, config } = container;
  const { preStart, postStart, postStop } = config.hooks;
  const about = { container: name, cause, origin: container.origins?.[''] };
  if (work === 'finish') return addHooks(list, { ...about, ...startHooks(starting), after: before })[0];
  if (work === 'unpause') {
    const unpaused = list.add({ action: { kind: 'unpause', container: name }, ...about, after: before });
    return addHooks(list, { ...about, ...startHooks(starting), after: [unpaused] })[0];
  }
  let after = before;
  if (status?.kind === 'exited' && hooksLeft !== undefined)
    after = addHooks(list, { ...about, when: 'post-stop', hooks: postStop, from: hooksLeft.from, after });
  if (starting.preStart) after = addHooks(list, { ...about, when: 'pre-start', hooks: preStart, after });
  const action = { kind: 'start', container: name, ...(automatic && { automatic }) } as const;
  const started = list.add({ action, ...about, after });
  return addHooks(list, { ...about, when: 'post-start', hooks: postStart, after: [started] })[0];
}

/** Of what is alive already those are run that are left. */
const startHooks = ({ container, hooksLeft }: Starting) => ({
  when: 'post-start' as const,
  hooks: hooksLeft === undefined ? [] : container.config.hooks.postStart,
  ...(hooksLeft && { from: hooksLeft.from }),
});

/**
 * What is left of the start of a container that runs; undefined: nothing. `as`: with the dependencies and places that the file
 * gives it by now; its configuration is its own.
 */
export function finishing(container: ObservedContainer, as: Startable = container): Starting | undefined {
  const { status, hooksLeft } = container;
  if (hooksLeft === undefined || status.kind !== 'running') return undefined;
  return { container: as, status, work: 'finish', hooksLeft, cause: { kind: 'start-unfinished' }, after: [] };
}

function sharesNetworkOf({ config: { networkMode } }: Startable, owner: Startable): boolean {
  if (networkMode.kind === 'service') return networkMode.service === owner.service;
  return networkMode.kind === 'container' && networkMode.container === owner.name;
}
