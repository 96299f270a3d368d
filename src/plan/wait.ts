import type { Plan } from '../model/plan.ts';
import type { Dependency } from '../model/project.ts';
import type { DesiredState } from '../model/state.ts';
import { byText } from './order.ts';
import { type ScopeOptions, scopeOf } from './scope.ts';
import { StepList } from './steps.ts';

/**
 * `up --wait`, after everything was started: each container of the named services and of what they need is waited for, until
 * it is healthy if it has a health check, otherwise until it runs or (a one-shot) has ended well.
 */
export function planWait(desired: DesiredState, options: ScopeOptions = {}): Plan {
  const { roles } = scopeOf(desired, options);
  const list = new StepList();
  const containers = desired.containers
    .filter(({ service }) => roles.get(service) === 'named' || roles.get(service) === 'dependency')
    .sort((a, b) => byText(a.service, b.service) || a.number - b.number);
  for (const { name, service, config, origins } of containers) {
    const condition = config.healthcheck === undefined ? 'service_started' : 'service_healthy';
    const dependency: Dependency = { service, condition, restart: false, required: true };
    list.add({
      action: { kind: 'wait', container: name, dependency },
      cause: { kind: 'requested' },
      origin: origins['healthcheck'] ?? origins[''],
    });
  }
  return { steps: list.steps };
}
