import type { Plan } from '../model/plan.ts';
import type { ObservedState } from '../model/state.ts';
import type { ContainerName } from '../model/units.ts';
import { choose } from './choose.ts';
import { addEndings, isAlive } from './ending.ts';
import { dragged, planRestartOf } from './restart.ts';
import { StepList } from './steps.ts';

/** A container that does not do its work any more is restarted, with the running dependents that ask for it. */
export function planUnhealthyRestart(observed: ObservedState, name: ContainerName): Plan {
  const container = observed.containers.find((other) => other.name === name);
  if (container === undefined || !isAlive(container)) return { steps: [] };
  const dependents = choose(observed, { services: [container.service] }, { along: 'restarting-dependents' }).filter(
    (other) => other.service !== container.service && isAlive(other),
  );
  const services = new Set([container.service, ...dependents.map(({ service }) => service)]);
  return planRestartOf(observed, {
    names: new Set([name, ...dependents.map((other) => other.name)]),
    causeOf: (other) => (other.name === name ? { kind: 'unhealthy' } : dragged(other, services)),
    automatic: true,
  });
}

/** It is stopped as if by hand: no restart policy brings it back. */
export function planUnhealthyStop(observed: ObservedState, name: ContainerName): Plan {
  const list = new StepList();
  const endings = observed.containers
    .filter((container) => container.name === name && isAlive(container))
    .map((container) => ({ container, cause: { kind: 'unhealthy' }, byUser: true }) as const);
  addEndings(list, endings);
  return { steps: list.steps };
}
