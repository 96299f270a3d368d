import type { DesiredState } from '../model/state.ts';
import { reconcile } from '../plan/reconcile.ts';
import { rollbackOf } from '../plan/rollback.ts';
import { differences } from '../project/fingerprint.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { type Changed, change } from './change.ts';
import type { Context } from './context.ts';
import { sayMessage } from './say.ts';

type Rolling = {
  readonly desired: DesiredState;
  readonly changed: Changed;
  /** Nothing beside the updated services is touched. */
  readonly alone: boolean;
  readonly signal: AbortSignal;
};

/**
 * After an update that did not succeed: brings services whose `update_config` asks for it back to what they were, and those
 * that need them along. The value is the update with what has come of it.
 */
export async function rollBack(
  context: Context,
  runtime: Runtime,
  { desired, changed, alone, signal }: Rolling,
): Promise<Changed> {
  const rollback = rollbackOf(desired, { ...changed, after: changed.observed });
  if (rollback === undefined || signal.aborted) return changed;
  const { services, stopped } = rollback;
  const scope = alone
    ? ({ services, dependencies: 'ignore' } as const)
    : ({ services: [...services, ...stopped], dependencies: 'leave' } as const);
  sayMessage(context, `the update of ${services.join(', ')} did not succeed: going back to what ran before`);
  const { observed } = await change(context, runtime, {
    title: 'rollback',
    project: desired.project,
    plan: (observed, settled) => reconcile(rollback.desired, observed, { compare: differences, ...scope, settled }),
    desired: rollback.desired,
    signal,
  });
  return { ...changed, observed };
}
