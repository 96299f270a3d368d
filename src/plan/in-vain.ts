import { mayComeBack } from '../model/coming-back.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import { endText } from '../model/end-reason.ts';
import { hasHealth } from '../model/health.ts';
import type { ActionOf, Plan } from '../model/plan.ts';
import type { Dependency } from '../model/project.ts';
import type { ObservedContainer, ObservedState } from '../model/state.ts';
import type { ContainerName } from '../model/units.ts';

type Reason = Pick<Diagnostic, 'code' | 'summary' | 'notes'>;

/**
 * Waits that nothing could ever end: for the health of a container without a check, and for one that this plan leaves as it
 * is, and that has ended otherwise than it should. Whoever only wants it (`required: false`) goes on all the same.
 */
export function waitsInVain({ steps }: Plan, observed: ObservedState): readonly Diagnostic[] {
  const made = steps.flatMap(({ action }) => (action.kind === 'create' ? [action.container] : []));
  const unchecked = new Set(made.filter(({ config }) => !hasHealth(config)).map(({ name }) => name));
  const started = new Set(
    steps.flatMap(({ action }) => (action.kind === 'start' || action.kind === 'unpause' ? [action.container] : [])),
  );
  for (const { name } of made) started.add(name);
  const left = new Map(observed.containers.map((container) => [container.name, container]));
  for (const name of started) left.delete(name);
  const found = new Map<string, Diagnostic>();
  for (const { action, origin } of steps) {
    if (action.kind !== 'wait' || !action.dependency.required) continue;
    const why = reasonFor(action, { unchecked, left });
    const key = `${action.dependency.service} ${action.dependency.condition}`;
    if (why === undefined || found.has(key)) continue;
    found.set(key, { severity: 'error', ...why, ...(origin !== undefined && { subject: origin }) });
  }
  return [...found.values()];
}

type Known = {
  /** Made by this plan, without a health check. */
  readonly unchecked: ReadonlySet<ContainerName>;
  /** Left as they are. */
  readonly left: ReadonlyMap<ContainerName, ObservedContainer>;
};

function reasonFor({ container, dependency }: ActionOf<'wait'>, { unchecked, left }: Known): Reason | undefined {
  if (dependency.condition === 'service_healthy' && unchecked.has(container)) return withoutCheck(dependency);
  const there = left.get(container);
  return there && lostFor(dependency, there);
}

const withoutCheck = ({ service }: Dependency): Reason => ({
  code: 'bad-value',
  summary: `cannot wait until "${service}" is healthy: it has no health check`,
  notes: [{ text: `give "${service}" a healthcheck, or wait for service_started` }],
});

/** Why a container that nobody starts will never be what is waited for; undefined: it is, or may still be. */
function lostFor(dependency: Dependency, container: ObservedContainer): Reason | undefined {
  const { status, config } = container;
  const { service, condition } = dependency;
  if (condition === 'service_healthy' && !hasHealth(config)) return withoutCheck(dependency);
  if (status.kind !== 'exited') return undefined;
  const isShort =
    condition === 'service_healthy' || (condition === 'service_completed_successfully' && status.exitCode !== 0);
  if (!isShort || mayComeBack(container)) return undefined;
  const wanted = condition === 'service_healthy' ? 'is healthy' : 'has completed successfully';
  return {
    code: 'dependency-failed',
    summary: `cannot wait until "${service}" ${wanted}: ${container.name} has ended ${endText(status)}`,
    notes: [{ text: `run it again first: tscompose start ${service}` }],
  };
}
