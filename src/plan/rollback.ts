import type { DesiredState, ObservedState } from '../model/state.ts';
import type { ContainerName, ServiceName } from '../model/units.ts';
import { isAlive } from './ending.ts';
import { serviceGraph, withDependents } from './order.ts';

export type Rollback = {
  readonly services: readonly ServiceName[];
  /** Those that need them, ran before, and were stopped for the update. */
  readonly stopped: readonly ServiceName[];
  /** As the file says, except that these services are what they were before. */
  readonly desired: DesiredState;
};

/**
 * What `failure_action: rollback` asks for after an update in which `failed` did not succeed; undefined: nothing. `before` is
 * the machine as it was when the update began, `after` as it has left it.
 */
export function rollbackOf(
  desired: DesiredState,
  {
    before,
    after,
    failed,
  }: {
    readonly before: ObservedState;
    readonly after: ObservedState;
    readonly failed: readonly ContainerName[];
  },
): Rollback | undefined {
  const serviceOf = (name: ContainerName): ServiceName | undefined =>
    [...desired.containers, ...before.containers].find((container) => container.name === name)?.service ??
    // A successor under a new number is in neither.
    desired.services.find((service) => name.replace(/\d+$/, '') === `${desired.project}-${service}-`);
  const services = [...new Set(failed.flatMap((name) => serviceOf(name) ?? []))].filter((service) => {
    const update = desired.containers.find((container) => container.service === service)?.update;
    return update?.failureAction === 'rollback' && before.containers.some((container) => container.service === service);
  });
  if (services.length === 0) return undefined;
  const containers = desired.containers.map((container) => {
    if (!services.includes(container.service)) return container;
    const { update, ...others } = container;
    const rest = { ...others, ...(update?.rollback && { update: update.rollback }) };
    const former = before.containers.find(({ service }) => service === container.service);
    return former === undefined ? rest : { ...rest, config: former.config, dependsOn: former.dependsOn };
  });
  const dependents = withDependents(services, serviceGraph(before.containers));
  const lives = (service: ServiceName, { containers: all }: ObservedState): boolean =>
    all.some((container) => container.service === service && isAlive(container));
  const stopped = desired.services.filter(
    (service) =>
      dependents.has(service) && !services.includes(service) && lives(service, before) && !lives(service, after),
  );
  return { services, stopped, desired: { ...desired, containers } };
}
