import type { DesiredState, ObservedState } from '../model/state.ts';
import type { ContainerName, ServiceName } from '../model/units.ts';

export type Rollback = {
  readonly services: readonly ServiceName[];
  /** As the file says, except that these services are what they were before. */
  readonly desired: DesiredState;
};

/**
 * What `failure_action: rollback` asks for after an update in which `failed` did not succeed; undefined: nothing. `before` is
 * the machine as it was when the update began.
 */
export function rollbackOf(
  desired: DesiredState,
  before: ObservedState,
  failed: readonly ContainerName[],
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
  return { services, desired: { ...desired, containers } };
}
