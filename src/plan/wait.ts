import { hasHealth } from '../model/health.ts';
import type { Plan } from '../model/plan.ts';
import type { Dependency, Origins } from '../model/project.ts';
import type { ObservedContainer } from '../model/state.ts';
import { byText } from './order.ts';
import { StepList } from './steps.ts';

/** A container that is waited for, and where its definition is written if a file is at hand. */
export type Awaited = { readonly container: ObservedContainer; readonly origins?: Origins | undefined };

/**
 * `--wait`, after everything was started: each container is waited for until it is healthy if it has a health check,
 * otherwise until it runs; a one-shot is done when it has ended with 0.
 */
export function planWait(awaited: readonly Awaited[]): Plan {
  const list = new StepList();
  const sorted = [...awaited].sort(
    ({ container: a }, { container: b }) => byText(a.service, b.service) || a.number - b.number,
  );
  for (const { container, origins = {} } of sorted) {
    const { name, service, config } = container;
    const condition = hasHealth(config) ? 'service_healthy' : 'service_started';
    const dependency: Dependency = { service, condition, restart: false, required: true };
    list.add({
      action: { kind: 'wait', container: name, dependency, orCompleted: true },
      cause: { kind: 'requested' },
      origin: origins['healthcheck'] ?? origins[''],
    });
  }
  return { steps: list.steps };
}
