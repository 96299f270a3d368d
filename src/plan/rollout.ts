import type { UpdatePolicy } from '../model/project.ts';
import type { DesiredContainer, DesiredState, ObservedContainer, ObservedState } from '../model/state.ts';
import type { ContainerName, Millis, ServiceName } from '../model/units.ts';
import { claimsCollide } from './claims.ts';
import type { Decision } from './decide.ts';
import { addEndings, isAlive } from './ending.ts';
import type { ReconcileOptions } from './options.ts';
import { byText } from './order.ts';
import { nameOf } from './replicas.ts';
import { networksOf, type Resources } from './resources.ts';
import { addProof, addStart, type Proof, type Started } from './starting.ts';
import type { StepList } from './steps.ts';

type Recreation = Extract<Decision, { readonly observed: ObservedContainer; readonly desired: DesiredContainer }> & {
  readonly kind: 'recreate';
};

/** A running service whose containers are made anew a few at a time. */
export type Rollout = {
  readonly service: ServiceName;
  readonly update: UpdatePolicy;
  readonly replacements: readonly {
    readonly decision: Recreation;
    /** What takes the place of `decision.observed`; under another name when both run at once. */
    readonly successor: DesiredContainer;
  }[];
};

type Situation = {
  readonly desired: DesiredState;
  readonly observed: ObservedState;
  readonly resources: Resources;
  readonly options: ReconcileOptions;
};

/**
 * Which recreations are made as `deploy.update_config` says: those of running containers, while nothing else demands that
 * all of them are gone for a moment (a network that is made anew, a dependent that stops with them).
 */
export function rolloutsOf(decisions: readonly Decision[], situation: Situation): readonly Rollout[] {
  if (situation.options.start === false) return [];
  return [...situation.desired.services].sort(byText).flatMap((service) => {
    const own = decisions
      .filter(
        (decision): decision is Recreation => decision.kind === 'recreate' && decision.desired.service === service,
      )
      .filter(({ cause, observed }) => isAlive(observed) && (cause.kind === 'changed' || cause.kind === 'forced'))
      .sort((a, b) => a.desired.number - b.desired.number);
    const update = own[0]?.desired.update;
    if (update === undefined || mustAllStop(service, own, situation)) return [];
    const startFirst = update.order === 'start-first' && own.every(canOverlap);
    // All of them at once, and the old ones first: that is how every service is made anew.
    if (!startFirst && groupSize(update, own.length) >= own.length) return [];
    const names = startFirst ? freeNames(own, situation) : own.map(({ desired }) => desired);
    const replacements = own.map((decision, i) => ({ decision, successor: names[i] ?? decision.desired }));
    return [{ service, update: { ...update, order: startFirst ? 'start-first' : 'stop-first' }, replacements }];
  });
}

/** How long what was updated is watched, and whether the update ends when it fails. */
export const proofOf = ({ monitorMs, failureAction }: UpdatePolicy): Proof => ({
  forMs: monitorMs,
  required: failureAction !== 'continue',
});

const groupSize = ({ parallelism }: UpdatePolicy, count: number): number => (parallelism === 0 ? count : parallelism);

function mustAllStop(service: ServiceName, own: readonly Recreation[], { desired, resources }: Situation): boolean {
  const shares = ({ config: { networkMode } }: DesiredContainer): boolean =>
    networkMode.kind === 'service' && networkMode.service === service;
  const follows = ({ dependsOn }: DesiredContainer): boolean =>
    dependsOn.some((edge) => edge.service === service && edge.restart);
  if (desired.containers.some((container) => shares(container) || follows(container))) return true;
  const changed = new Set(resources.changedNetworks.map(({ network }) => network.key));
  return own.some(({ desired: wanted, observed }) =>
    [...networksOf(wanted), ...networksOf(observed)].some((key) => changed.has(key)),
  );
}

/** Two of them can run side by side: nothing of theirs is there only once. */
function canOverlap({ desired, observed }: Recreation): boolean {
  const isAnonymous = ({ config }: ObservedContainer): boolean =>
    config.mounts.some((mount) => mount.kind === 'volume' && mount.volume === undefined);
  return (
    nameOf(desired, desired.number + 1) !== undefined &&
    !claimsCollide(desired.config, observed.config) &&
    !claimsCollide(desired.config, desired.config) &&
    !isAnonymous(observed)
  );
}

/** The successors under the lowest numbers that nobody has. */
function freeNames(own: readonly Recreation[], { desired, observed }: Situation): readonly DesiredContainer[] {
  const taken = new Set<string>([...desired.containers, ...observed.containers].map(({ name }) => name));
  let number = 0;
  return own.map(({ desired: wanted }) => {
    let name: ContainerName | undefined;
    do {
      number += 1;
      name = nameOf(wanted, number);
    } while (name === undefined || taken.has(name));
    return { ...wanted, name, number };
  });
}

export type RolloutOptions = {
  readonly started: Started;
  /** Steps that make what the container needs. */
  readonly resourcesFor: (container: DesiredContainer) => readonly (string | undefined)[];
  readonly graceMs: Millis | undefined;
  /** -V: fresh anonymous volumes. */
  readonly renew: boolean;
};

/**
 * Adds the steps of rollouts, a group of `parallelism` after the other:
 *
 *     stop-first:   stop web-1 → remove web-1 → create web-1 → start web-1 → prove web-1 → stop web-2 → …
 *     start-first:  create web-4 → start web-4 → prove web-4 → stop web-1 → remove web-1 → create web-1 → …
 */
export function addRollouts(list: StepList, rollouts: readonly Rollout[], options: RolloutOptions): void {
  const { order } = options.started;
  const position = ({ service }: Rollout): number => order.get(service) ?? 0;
  const lastOf = new Map<ServiceName, readonly string[]>();
  for (const rollout of [...rollouts].sort((a, b) => position(a) - position(b))) {
    const { update, replacements, service } = rollout;
    const needed = replacements[0]?.decision.desired.dependsOn ?? [];
    let before: readonly string[] = needed.flatMap((edge) => lastOf.get(edge.service) ?? []);
    const size = groupSize(update, replacements.length);
    for (let at = 0; at < replacements.length; at += size) {
      const group = replacements.slice(at, at + size);
      const first = at === 0;
      before = group.map((each, i) =>
        addReplacement(list, each, { ...options, update, before, hooks: first && i === 0 }),
      );
    }
    lastOf.set(service, before);
  }
}

type ReplacementOptions = RolloutOptions & {
  readonly update: UpdatePolicy;
  readonly before: readonly string[];
  /** Run the pre-start hooks: once for a definition. */
  readonly hooks: boolean;
};

/** The id of the last step. */
function addReplacement(
  list: StepList,
  { decision, successor }: Rollout['replacements'][number],
  { started, resourcesFor, graceMs, renew, update, before, hooks }: ReplacementOptions,
): string {
  const { cause, observed } = decision;
  const end = (after: readonly (string | undefined)[]): string | undefined => {
    const makesRoom = { kind: 'recreating', container: successor.name } as const;
    const ending = { container: observed, cause: makesRoom, remove: { volumes: renew } };
    return addEndings(list, [ending], { graceMs, after }).get(observed.name)?.removed;
  };
  const stopFirst = update.order === 'stop-first';
  const conditions = started.conditionsFor(successor);
  const ready = stopFirst ? [end([...before, ...conditions]), ...before] : before;
  const replaces = stopFirst && !renew ? observed.name : undefined;
  const action = { kind: 'create', container: successor, ...(replaces && { replaces }) } as const;
  const origin = successor.origins[''];
  const after = [...ready, ...resourcesFor(successor)];
  const created = list.add({ action, cause, after, origin });
  const starting = { container: successor, work: 'start', cause, preStart: hooks, after: [created] } as const;
  const last = addStart(list, { starting, before: [created, ...conditions] });
  const { forMs, required } = proofOf(update);
  const proof = { forMs: Math.max(forMs, update.delayMs) as Millis, required };
  const proven = addProof(list, { container: successor, cause, proof, after: [last] });
  return stopFirst ? proven : (end([proven]) ?? proven);
}
