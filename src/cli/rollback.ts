import type { DesiredState } from '../model/state.ts';
import { reconcile } from '../plan/reconcile.ts';
import { rollbackOf } from '../plan/rollback.ts';
import { differences } from '../project/fingerprint.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { type Changed, change } from './change.ts';
import type { Context } from './context.ts';
import { sayMessage } from './say.ts';

/** After an update that did not succeed: brings services whose `update_config` asks for it back to what they were. */
export async function rollBack(
  context: Context,
  runtime: Runtime,
  {
    desired,
    changed,
    signal,
  }: { readonly desired: DesiredState; readonly changed: Changed; readonly signal: AbortSignal },
): Promise<void> {
  const rollback = rollbackOf(desired, changed.before, changed.failed);
  if (rollback === undefined || signal.aborted) return;
  const { services } = rollback;
  sayMessage(context, `the update of ${services.join(', ')} did not succeed: going back to what ran before`);
  await change(context, runtime, {
    title: 'rollback',
    project: desired.project,
    plan: (observed, settled) =>
      reconcile(rollback.desired, observed, { compare: differences, services, dependencies: 'ignore', settled }),
    desired: rollback.desired,
    signal,
  });
}
