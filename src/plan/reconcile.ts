import type { Cause, Plan } from '../model/plan.ts';
import type { DesiredContainer, DesiredState, ObservedContainer, ObservedState } from '../model/state.ts';
import type { ContainerName, ServiceName } from '../model/units.ts';
import { withOneOffs } from './choose.ts';
import { claimsCollide } from './claims.ts';
import { type Decision, decide } from './decide.ts';
import { addEndings, type Ended, type Ending, isAlive } from './ending.ts';
import type { ReconcileOptions } from './options.ts';
import { byText } from './order.ts';
import { isInScope, missingFor, networksOf, type Resources, resourcesOf, volumesOf } from './resources.ts';
import { addRollouts, proofOf, type Rollout, rolloutsOf } from './rollout.ts';
import { type Scope, scopeOf } from './scope.ts';
import { addStartings, finishing, type Proof, type Startable, type Starting } from './starting.ts';
import { StepList } from './steps.ts';

/**
 * What has to be done so that the machine becomes what the file says: a total, pure function, and the only place where
 * `up` decides anything. The steps stand in an executable order:
 *
 *     stop → remove → remove network → create volume, network → create → start, wait
 *
 * A container is recreated as stop → remove → create → start under its one name. Docker's detour (create under a
 * temporary name, rename) is not taken: names are unique here because the name *is* the container's folder, lock and
 * cgroup. What it would save, the anonymous volumes, is handed on by `replaces`.
 */
export function reconcile(desired: DesiredState, observed: ObservedState, options: ReconcileOptions): Plan {
  const scope = scopeOf(desired, options);
  const inScope = resourcesOf(desired, observed, { scope, options });
  const decided = decide(desired, observed, { scope, resources: inScope, options });
  const rollouts = rolloutsOf(decided, { desired, observed, resources: inScope, options });
  const decisions = decided.map((decision) => withoutRollout(decision, rollouts));
  // Consequences reach beyond the scope; who is made anew there needs its volumes and networks as well.
  const touched = decided.flatMap((decision) =>
    decision.kind === 'keep' || decision.kind === 'remove' ? [] : [decision.desired],
  );
  const users = [...desired.containers.filter((container) => isInScope(container, scope)), ...touched];
  const resources = { ...inScope, ...missingFor(users, desired, observed) };
  if (isSettled(decided, resources) && !options.removeOrphans) return { steps: [] };

  const list = new StepList();
  const endings = endingsOf({ decisions, resources, desired, observed, options });
  const ended = addEndings(list, endings, { graceMs: options.graceMs });
  const made = addResources(list, { resources, endings, ended });
  if (options.removeOrphans) removeStaleNetworks(list, { desired, observed, endings, ended });
  const started = addStartings(list, startingsOf({ decisions, scope, endings, ended, made, options }));
  const resourcesFor = (container: DesiredContainer) => resourceSteps(container, made);
  const renew = options.renewAnonymousVolumes === true;
  addRollouts(list, rollouts, { started, resourcesFor, graceMs: options.graceMs, renew });
  return { steps: list.steps };
}

/** Nothing is made, started or ended: what most plans say, and what has to be said fast. */
const isSettled = (decided: readonly Decision[], resources: Resources): boolean =>
  decided.every((decision) => decision.kind === 'keep' && !decision.finish) &&
  [resources.missingVolumes, resources.missingNetworks, resources.changedNetworks].every(({ length }) => length === 0);

/** To all others, what is replaced a few at a time is simply there. */
function withoutRollout(decision: Decision, rollouts: readonly Rollout[]): Decision {
  if (decision.kind !== 'recreate') return decision;
  const isRolled = rollouts.some(({ replacements }) => replacements.some((each) => each.decision === decision));
  return isRolled ? { kind: 'keep', desired: decision.desired, observed: decision.observed } : decision;
}

/** Containers of services that the file does not know, not even as disabled ones. */
export function orphansOf(desired: DesiredState, observed: ObservedState): readonly ObservedContainer[] {
  const known = new Set<ServiceName>([...desired.services, ...desired.disabledServices]);
  return observed.containers.filter(({ service }) => !known.has(service));
}

type Situation = {
  readonly decisions: readonly Decision[];
  readonly resources: Resources;
  readonly desired: DesiredState;
  readonly observed: ObservedState;
  readonly options: ReconcileOptions;
};

function endingsOf({ decisions, resources, desired, observed, options }: Situation): readonly Ending[] {
  const endings = new Map<ContainerName, Ending>();
  const renew = options.renewAnonymousVolumes === true;
  for (const decision of decisions) {
    const ending = endingOf(decision, renew);
    if (ending !== undefined) endings.set(ending.container.name, ending);
  }
  if (options.removeOrphans) {
    for (const container of orphansOf(desired, observed)) {
      endings.set(container.name, { container, cause: { kind: 'orphan' }, remove: { volumes: false } });
    }
  }
  // A name can move to another service (`container_name`, or a service that was renamed): whoever has it makes room.
  for (const decision of decisions) {
    if (decision.kind !== 'create') continue;
    const holder = observed.containers.find(({ name }) => name === decision.desired.name);
    if (holder === undefined || endings.get(holder.name)?.remove !== undefined) continue;
    const cause: Cause = { kind: 'recreating', container: holder.name };
    endings.set(holder.name, { container: holder, cause, remove: { volumes: false } });
  }
  // Members of a changed network that no decision reaches (orphans, disabled services) only make way.
  for (const { network, observed: there } of resources.changedNetworks) {
    for (const container of observed.containers) {
      if (endings.has(container.name) || !networksOf(container).includes(there.network.key)) continue;
      const cause: Cause = { kind: 'dependency-recreated', dependency: `network ${network.name}` };
      endings.set(container.name, { container, cause });
    }
  }
  return [...endings.values()];
}

function endingOf(decision: Decision, renew: boolean): Ending | undefined {
  if (decision.kind === 'remove') {
    return { container: decision.observed, cause: decision.cause, remove: { volumes: false } };
  }
  if (decision.kind === 'restart') return { container: decision.observed, cause: decision.cause };
  const replaced = decision.kind === 'recreate' ? decision.observed : decision.kind === 'create' && decision.replaces;
  if (!replaced) return undefined;
  const cause: Cause = { kind: 'recreating', container: decision.desired.name };
  return { container: replaced, cause, remove: { volumes: renew } };
}

/** Ids of the steps that make volumes (by name) and networks (by key). */
type Made = { readonly volumes: ReadonlyMap<string, string>; readonly networks: ReadonlyMap<string, string> };

type Room = {
  readonly endings: readonly Ending[];
  readonly ended: ReadonlyMap<ContainerName, Ended>;
};

function addResources(list: StepList, { resources, endings, ended }: Room & { readonly resources: Resources }): Made {
  const removals = new Map<string, string>();
  for (const { network, observed, changes } of resources.changedNetworks) {
    const members = endings.filter(({ container }) => networksOf(container).includes(observed.network.key));
    const after = members.flatMap(({ container }) => {
      const { stopped, removed } = ended.get(container.name) ?? {};
      return [removed ?? stopped];
    });
    const action = { kind: 'remove-network', network: observed.network } as const;
    const cause: Cause = { kind: 'changed', changes };
    removals.set(network.key, list.add({ action, cause, after, origin: network.origin }));
  }
  const volumes = new Map<string, string>();
  for (const volume of resources.missingVolumes) {
    const action = { kind: 'create-volume', volume } as const;
    volumes.set(volume.name, list.add({ action, cause: { kind: 'missing' }, origin: volume.origin }));
  }
  const networks = new Map<string, string>();
  for (const network of resources.missingNetworks) {
    const action = { kind: 'create-network', network } as const;
    networks.set(network.key, list.add({ action, cause: { kind: 'missing' }, origin: network.origin }));
  }
  for (const { network, changes } of resources.changedNetworks) {
    const action = { kind: 'create-network', network } as const;
    const cause: Cause = { kind: 'changed', changes };
    networks.set(network.key, list.add({ action, cause, after: [removals.get(network.key)], origin: network.origin }));
  }
  return { volumes, networks };
}

/** Networks that the file no longer has go with the orphans that used them; in use by others, they stay. */
function removeStaleNetworks(
  list: StepList,
  { desired, observed, endings, ended }: Room & { readonly desired: DesiredState; readonly observed: ObservedState },
): void {
  const wanted = new Set(desired.networks.map(({ name }) => name));
  const removed = new Set(endings.filter(({ remove }) => remove !== undefined).map(({ container }) => container.name));
  for (const { name, network } of [...observed.networks].sort((a, b) => byText(a.name, b.name))) {
    const users = withOneOffs(observed).containers.filter((container) => networksOf(container).includes(network.key));
    if (wanted.has(name) || users.some((container) => !removed.has(container.name))) continue;
    const after = users.map((container) => ended.get(container.name)?.removed);
    list.add({ action: { kind: 'remove-network', network }, cause: { kind: 'removed-from-file' }, after });
  }
}

type Preparation = Room & {
  readonly scope: Scope;
  readonly decisions: readonly Decision[];
  readonly made: Made;
  readonly options: ReconcileOptions;
};

function startingsOf(preparation: Preparation): readonly Starting[] {
  const { decisions, scope, options } = preparation;
  return decisions.flatMap((decision): readonly Starting[] => {
    if (decision.kind === 'remove') return [];
    const container = decision.desired;
    if (decision.kind === 'keep') {
      // Beside the scope nobody starts what has ended, so nobody may wait for it either: its dependents ran without it.
      if (!isInScope(container, scope) && !isAlive(decision.observed)) return [];
      const { status } = decision.observed;
      const unfinished = decision.finish && finishing(decision.observed, asItIs(decision));
      if (unfinished) return [unfinished];
      const cause: Cause = { kind: 'requested' };
      return [{ container, status, work: 'nothing', cause, after: [] }];
    }
    const { cause } = decision;
    const preStart = startsDefinition(decision, decisions);
    const starting = { cause, preStart, after: stepsBefore(decision, preparation) };
    if (decision.kind === 'create' || decision.kind === 'recreate') {
      return [{ container, ...starting, ...creationOf(decision, options) }];
    }
    const { status } = decision.observed;
    if (decision.kind === 'restart') return [{ container: asItIs(decision), ...starting, status, work: 'start' }];
    const { hooksLeft } = decision.observed;
    const work = status.kind === 'paused' ? 'unpause' : 'start';
    return [{ container: asItIs(decision), ...starting, status, hooksLeft, work }];
  });
}

/** Not made anew, it keeps its own hooks, whatever the file says of them by now. */
const asItIs = ({
  desired,
  observed,
}: Extract<Decision, { readonly observed: ObservedContainer; desired: unknown }>): Startable => ({
  ...desired,
  config: observed.config,
});

function creationOf(decision: Work, options: ReconcileOptions): Pick<Starting, 'work' | 'create' | 'proof'> {
  const replaces = options.renewAnonymousVolumes ? undefined : predecessorOf(decision);
  const create = { container: decision.desired, replaces };
  if (options.start === false) return { work: 'create', create };
  return { work: 'create-and-start', create, proof: proofFor(decision) };
}

/** An update has to prove itself, also when all containers are made anew at once. */
const proofFor = ({ kind, desired: { update } }: Work): Proof | undefined =>
  kind === 'recreate' && update !== undefined ? proofOf(update) : undefined;

type Work = Exclude<Decision, { kind: 'remove' | 'keep' }>;

function predecessorOf(decision: Work): ContainerName | undefined {
  return decision.kind === 'create' ? decision.replaces?.name : decision.observed.name;
}

/** The ends and resources that work on a container has to wait for. */
function stepsBefore(
  decision: Work,
  { decisions, endings, ended, made }: Preparation,
): readonly (string | undefined)[] {
  const { desired } = decision;
  const endOf = (name: ContainerName | undefined): string | undefined => {
    const end = name === undefined ? undefined : ended.get(name);
    return end?.removed ?? end?.stopped;
  };
  const isNew = decision.kind === 'create' || decision.kind === 'recreate';
  const rivals = isNew ? endings.filter(({ container }) => claimsCollide(container.config, desired.config)) : [];
  // As when it is restarted by hand; it has no stop of its own that would come after theirs.
  const followers = decision.kind === 'start' ? decisions.filter((other) => follows(other, desired.service)) : [];
  return [
    endOf(desired.name),
    endOf(predecessorOf(decision)),
    ...followers.map((follower) => endOf(follower.desired.name)),
    ...rivals.map(({ container }) => endOf(container.name)),
    ...resourceSteps(desired, made),
  ];
}

/** Whether it is stopped and started, and asks for that when `service` is started anew. */
const follows = (decision: Decision, service: ServiceName): decision is Decision & { readonly kind: 'restart' } =>
  decision.kind === 'restart' && decision.desired.dependsOn.some((edge) => edge.restart && edge.service === service);

const resourceSteps = (container: DesiredContainer, made: Made): readonly (string | undefined)[] => [
  ...volumesOf(container).map((name) => made.volumes.get(name)),
  ...networksOf(container).map((key) => made.networks.get(key)),
];

/** Is this the first start of anything made from the present definition? Then the pre-start hooks run, once. */
function startsDefinition(decision: Decision, decisions: readonly Decision[]): boolean {
  const isFirst = (other: Decision): boolean =>
    other.kind === 'create' ||
    other.kind === 'recreate' ||
    (other.kind === 'start' && other.observed.status.kind === 'created');
  if (decision.kind === 'remove' || !isFirst(decision)) return false;
  const siblings = decisions.filter(
    (other): other is Exclude<Decision, { kind: 'remove' }> =>
      other.kind !== 'remove' && other.desired.service === decision.desired.service,
  );
  return siblings.every(isFirst) && siblings.every(({ desired }) => desired.number >= decision.desired.number);
}
