import type { Diagnostic } from '../model/diagnostic.ts';
import { hasHealth } from '../model/health.ts';
import type { Plan } from '../model/plan.ts';

/**
 * Waits for the health of a container that this plan makes without a check: nothing could ever end them. Whoever only wants
 * it (`required: false`) goes on all the same.
 */
export function waitsInVain({ steps }: Plan): readonly Diagnostic[] {
  const unchecked = new Set(
    steps.flatMap(({ action }) =>
      action.kind === 'create' && !hasHealth(action.container.config) ? [action.container.name] : [],
    ),
  );
  const found = new Map<string, Diagnostic>();
  for (const { action, origin } of steps) {
    if (action.kind !== 'wait' || !unchecked.has(action.container)) continue;
    const { service, condition, required } = action.dependency;
    if (condition !== 'service_healthy' || !required || found.has(service)) continue;
    found.set(service, {
      code: 'bad-value',
      severity: 'error',
      summary: `cannot wait until "${service}" is healthy: it has no health check`,
      ...(origin !== undefined && { subject: origin }),
      notes: [{ text: `give "${service}" a healthcheck, or wait for service_started` }],
    });
  }
  return [...found.values()];
}
