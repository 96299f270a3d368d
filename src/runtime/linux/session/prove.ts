import type { RuntimeFailure } from '../../../model/event.ts';
import { hasHealth } from '../../../model/health.ts';
import type { ActionOf } from '../../../model/plan.ts';
import type { ObservedContainer } from '../../../model/state.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import { abortAfter } from '../../timer.ts';
import { observeContainer } from '../observe.ts';
import { findContainer } from './context.ts';
import { lost, nextChange, type Waiting, waitForContainer } from './wait.ts';

/** Until the container is ready, and then for `forMs` as long as nothing speaks against it. */
export async function proveContainer(
  context: Waiting,
  { container, forMs }: ActionOf<'prove'>,
  signal: AbortSignal,
): Promise<Result<void, RuntimeFailure>> {
  const known = findContainer(context, container);
  if (!known.ok) return known;
  const look = (): ObservedContainer => observeContainer(known.value.record, known.value.where);
  const { config, service } = known.value.record;
  const condition = hasHealth(config) ? 'service_healthy' : 'service_started';
  const dependency = { service, condition, restart: false, required: true } as const;
  const ready = await waitForContainer(context, { kind: 'wait', container, dependency, orCompleted: true }, signal);
  if (!ready.ok) return ready;

  const first = look();
  const over = abortAfter(forMs);
  const either = AbortSignal.any([signal, over]);
  for (;;) {
    const judged = look();
    const ended = lost(judged);
    if (ended !== undefined) return err(ended);
    const why = objection(first, judged);
    if (why !== undefined) {
      const message = `cannot go on without ${container}: it ${why} within ${forMs / 1000} s of its update`;
      return err({ code: 'dependency-failed', message, notes: [] });
    }
    if (over.aborted) return ok(undefined);
    if (signal.aborted)
      return err({ code: 'interrupted', message: `cannot watch ${container}: interrupted`, notes: [] });
    await nextChange(known.value, { judged, signal: either });
  }
}

/** What has become of a container that was ready. */
function objection({ status: before }: ObservedContainer, { status }: ObservedContainer): string | undefined {
  if (status.kind === 'failed') return 'could not be started again';
  if (status.kind !== 'running' || before.kind !== 'running') return undefined;
  if (status.startedAtMs !== before.startedAtMs) return 'ended and was started again';
  return status.health === 'unhealthy' ? 'became unhealthy' : undefined;
}
