import { mayComeBack } from '../model/coming-back.ts';
import type { Cause, Change } from '../model/plan.ts';
import type { Origins } from '../model/project.ts';
import type { Origin } from '../model/source.ts';
import type {
  ContainerStatus,
  DesiredContainer,
  DesiredState,
  ObservedContainer,
  ObservedState,
} from '../model/state.ts';
import type { ServiceName } from '../model/units.ts';
import { isAlive } from './ending.ts';
import type { ReconcileOptions, RecreatePolicy } from './options.ts';
import { byText, serviceGraph, startOrder } from './order.ts';
import { pairReplicas } from './replicas.ts';
import type { Resources } from './resources.ts';
import type { Scope } from './scope.ts';

/** What becomes of one container, and why. */
export type Decision =
  | {
      readonly kind: 'keep';
      readonly desired: DesiredContainer;
      readonly observed: ObservedContainer;
      /** It is in scope, and what its start has left undone is done. */
      readonly finish?: true;
    }
  | {
      readonly kind: 'create';
      readonly desired: DesiredContainer;
      readonly cause: Cause;
      /** Had this replica's number under another name. */
      readonly replaces?: ObservedContainer;
    }
  | {
      readonly kind: 'recreate' | 'start' | 'restart';
      readonly desired: DesiredContainer;
      readonly observed: ObservedContainer;
      readonly cause: Cause;
    }
  | { readonly kind: 'remove'; readonly observed: ObservedContainer; readonly cause: Cause };

export type Circumstances = {
  readonly scope: Scope;
  readonly resources: Resources;
  readonly options: ReconcileOptions;
};

/** Decides for every container of every service in scope, and for those beside it that feel the consequences. */
export function decide(
  desired: DesiredState,
  observed: ObservedState,
  circumstances: Circumstances,
): readonly Decision[] {
  const wanted = byService(desired.containers);
  const present = byService(observed.containers);
  const decisions = [...desired.services].sort(byText).flatMap((service) => {
    const replicas = { wanted: wanted.get(service) ?? [], present: present.get(service) ?? [] };
    return decideService(service, replicas, circumstances);
  });
  const isCalm = decisions.every(({ kind }) => kind === 'keep');
  return isCalm ? decisions : propagate(decisions, desired, circumstances.options);
}

/** The containers of each service by number. */
function byService<C extends Numbered & { readonly service: ServiceName }>(
  containers: readonly C[],
): ReadonlyMap<ServiceName, readonly C[]> {
  const groups = new Map<ServiceName, C[]>();
  for (const container of [...containers].sort(byNumber)) {
    const group = groups.get(container.service);
    if (group === undefined) groups.set(container.service, [container]);
    else group.push(container);
  }
  return groups;
}

type Numbered = { readonly number: number; readonly name: string };
const byNumber = (a: Numbered, b: Numbered): number => a.number - b.number || byText(a.name, b.name);

function decideService(
  service: ServiceName,
  replicas: { readonly wanted: readonly DesiredContainer[]; readonly present: readonly ObservedContainer[] },
  circumstances: Circumstances,
): readonly Decision[] {
  const { wanted, present } = replicas;
  const { scope, options } = circumstances;
  const role = scope.roles.get(service) ?? 'outside';
  if (role === 'outside') return [];

  const policy = role === 'named' ? options.recreate : role === 'dependency' ? options.recreateDependencies : 'never';
  const { kept, fresh, surplus } = pairReplicas(
    wanted,
    present,
    (container, as) =>
      policy !== 'never' && (container.otherVersion !== undefined || changesOf(container, as, options).length > 0),
  );
  const decisions = kept.map((pair) => decideKept(pair, policy ?? 'changed', circumstances));
  // What merely stands beside the scope is neither completed nor cut down.
  if (role === 'bystander') return decisions;
  return [
    ...decisions,
    ...fresh.map(({ desired, replaces }): Decision => {
      if (replaces === undefined) return { kind: 'create', desired, cause: { kind: 'missing' } };
      const change: Change = {
        path: 'container_name',
        from: replaces.name,
        to: desired.name,
        ...withOrigin(originAt(desired.origins, 'container_name')),
      };
      return { kind: 'create', desired, cause: { kind: 'changed', changes: [change] }, replaces };
    }),
    ...surplus.map((container): Decision => ({ kind: 'remove', observed: container, cause: { kind: 'scaled-down' } })),
  ];
}

function decideKept(
  pair: { readonly desired: DesiredContainer; readonly observed: ObservedContainer },
  policy: RecreatePolicy,
  { scope, resources, options }: Circumstances,
): Decision {
  const { desired, observed } = pair;
  const cause = policy === 'never' ? undefined : causeToRecreate(pair, policy, { resources, options });
  if (cause !== undefined) return { kind: 'recreate', ...pair, cause };
  if (scope.roles.get(desired.service) === 'bystander') {
    const lost = resources.renewedFor(desired, observed);
    return lost === undefined
      ? { kind: 'keep', ...pair }
      : { kind: 'recreate', ...pair, cause: { kind: 'dependency-recreated', dependency: lost } };
  }
  const status = observed.status.kind;
  // A one-shot that has done its work is run again by the next `up`, as docker compose does. Only what this very command
  // has started counts as settled: otherwise converging would run it once a round.
  const hasEndedSince = status === 'exited' && options.settled?.has(observed.name);
  if (options.start === false || hasEndedSince) return { kind: 'keep', ...pair };
  if (status === 'running') {
    return { kind: 'keep', ...pair, ...(observed.hooksLeft !== undefined && { finish: true }) };
  }
  return { kind: 'start', ...pair, cause: { kind: 'not-running', status } };
}

function causeToRecreate(
  { desired, observed }: { readonly desired: DesiredContainer; readonly observed: ObservedContainer },
  policy: RecreatePolicy,
  { resources, options }: { readonly resources: Resources; readonly options: ReconcileOptions },
): Cause | undefined {
  if (observed.otherVersion !== undefined) return { kind: 'other-version', version: observed.otherVersion };
  const changes = changesOf(observed, desired, options);
  if (changes.length > 0) return { kind: 'changed', changes };
  if (policy === 'always' && !options.settled?.has(observed.name)) return { kind: 'forced' };
  const lost = resources.renewedFor(desired, observed);
  return lost === undefined ? undefined : { kind: 'dependency-recreated', dependency: lost };
}

function changesOf(
  observed: ObservedContainer,
  desired: DesiredContainer,
  { compare, upgrade }: ReconcileOptions,
): readonly Change[] {
  const from = upgrade?.(observed.config, observed.fingerprintVersion) ?? observed.config;
  return compare(from, desired.config).map((change) => ({
    ...change,
    ...withOrigin(change.origin ?? originAt(desired.origins, change.path)),
  }));
}

const withOrigin = (origin: Origin | undefined): { readonly origin?: Origin } => (origin ? { origin } : {});

/** Where the value at `path` is written, or the nearest thing around it that is written at all. */
export function originAt(origins: Origins, path: string): Origin | undefined {
  for (let at = path; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('.')))) {
    const origin = origins[at];
    if (origin !== undefined) return origin;
  }
  return origins[''];
}

/**
 * What happens to a dependency happens to those that share its namespaces (made anew: theirs are gone) or that ask for it
 * with `restart: true`. Services are taken in start order, so that one pass reaches everybody.
 */
function propagate(
  decisions: readonly Decision[],
  desired: DesiredState,
  options: ReconcileOptions,
): readonly Decision[] {
  const graph = serviceGraph(desired.containers);
  const renewed = new Set<ServiceName>();
  const restarted = new Set<ServiceName>();
  const made = new Set<ServiceName>();
  const result: Decision[] = decisions.filter(({ kind }) => kind === 'remove');
  for (const service of startOrder(graph)) {
    for (const decision of decisions) {
      if (decision.kind === 'remove' || decision.desired.service !== service) continue;
      const next = consequence(decision, { made, renewed, restarted, options });
      if (next.kind === 'create' || next.kind === 'recreate') made.add(service);
      if (next.kind === 'recreate' || (next.kind === 'create' && next.replaces)) renewed.add(service);
      if (isRestarted(next)) restarted.add(service);
      result.push(next);
    }
  }
  return result;
}

/** What ended by itself counts when its restart policy would have brought it back: we only were there first. */
const isRestarted = (decision: Decision): boolean =>
  decision.kind === 'restart' ||
  (decision.kind === 'start' && hasCrashed(decision.observed.status) && mayComeBack(decision.observed));

/**
 * Whoever asked for an end sees to what follows, a reboot has ended the dependents as well, and a start that was refused may
 * be refused again, for which nobody who runs is to be stopped.
 */
const hasCrashed = (status: ContainerStatus): boolean =>
  status.kind === 'exited' && !status.requested && !status.reboot;

function consequence(
  decision: Exclude<Decision, { kind: 'remove' }>,
  {
    made,
    renewed,
    restarted,
    options,
  }: {
    readonly made: ReadonlySet<ServiceName>;
    readonly renewed: ReadonlySet<ServiceName>;
    readonly restarted: ReadonlySet<ServiceName>;
    readonly options: ReconcileOptions;
  },
): Exclude<Decision, { kind: 'remove' }> {
  if (decision.kind !== 'keep' && decision.kind !== 'start') return decision;
  const { desired, observed } = decision;
  const mode = desired.config.networkMode;
  if (mode.kind === 'service' && made.has(mode.service) && options.recreate !== 'never') {
    const cause: Cause = { kind: 'dependency-recreated', dependency: mode.service };
    return { kind: 'recreate', desired, observed, cause };
  }
  // What is paused would only go on as it was, with what it had of its dependency.
  if (options.start === false || !isAlive(observed)) return decision;
  for (const { service, restart } of desired.dependsOn) {
    if (!restart || !(renewed.has(service) || restarted.has(service))) continue;
    const kind = renewed.has(service) ? 'dependency-recreated' : 'dependency-restarted';
    return { kind: 'restart', desired, observed, cause: { kind, dependency: service } };
  }
  return decision;
}
