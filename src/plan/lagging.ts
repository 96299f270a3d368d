import type { Plan } from '../model/plan.ts';
import type { ObservedContainer, ObservedState } from '../model/state.ts';
import type { ServiceName } from '../model/units.ts';
import { choose } from './choose.ts';
import { isAlive } from './ending.ts';
import { dragged, planRestartOf } from './restart.ts';

/**
 * Containers that ask for it with `restart: true` and have not followed when what they depend on was brought back, because the
 * supervisor was killed in between: they began before it did, and run, or were stopped in order to follow. `now`: a life that
 * begins after it is one from before the clock was set back, and says nothing.
 */
export function laggards(containers: readonly ObservedContainer[], now: number): readonly ObservedContainer[] {
  const backSince = new Map<ServiceName, number>();
  for (const { service, status, restarts } of containers) {
    if (status.kind !== 'running' || restarts === 0 || status.startedAtMs > now) continue;
    backSince.set(service, Math.max(status.startedAtMs, backSince.get(service) ?? 0));
  }
  if (backSince.size === 0) return [];
  return containers.filter(({ status, stoppedByUser, dependsOn }) => {
    const follows =
      status.kind === 'running' ||
      status.kind === 'paused' ||
      (status.kind === 'exited' && status.requested && !stoppedByUser && !status.reboot);
    return (
      follows && dependsOn.some(({ service, restart }) => restart && status.startedAtMs < (backSince.get(service) ?? 0))
    );
  });
}

/** Lets them follow, and those that follow them. */
export function planLaggards(observed: ObservedState, now: number): Plan {
  const behind = laggards(observed.containers, now);
  if (behind.length === 0) return { steps: [] };
  const services = new Set(behind.map(({ service }) => service));
  const along = choose(observed, { services: [...services] }, { along: 'restarting-dependents' });
  const following = along.filter(
    (container) => behind.includes(container) || (isAlive(container) && !services.has(container.service)),
  );
  const causes = new Set(
    [...following, ...observed.containers.filter(({ restarts }) => restarts > 0)].map(({ service }) => service),
  );
  return planRestartOf(observed, {
    names: new Set(following.map(({ name }) => name)),
    causeOf: (container) => dragged(container, causes),
    automatic: true,
  });
}
