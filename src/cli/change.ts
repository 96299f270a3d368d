import { hasTraces, isLockHeld } from '../runtime/linux/lock-held.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Change, Changed } from './carry-out.ts';
import type { Context } from './context.ts';
import { exitCode } from './exit-code.ts';

export type { Change, Changed } from './carry-out.ts';

/** Looks first, without a lock; takes the lock only when there is something to do. */
export async function change(context: Context, runtime: Runtime, work: Change): Promise<Changed> {
  const observed = await runtime.observe(work.project);
  const intact =
    observed.containers.every((container) => container.monitored || container.status.kind !== 'running') &&
    !observed.oneOffs?.some(({ oneOff }) => oneOff?.abandoned);
  const first = work.plan(observed, new Set());
  // A command that was killed may have left the beginnings of a container: taking the lock cleans them up.
  const abandoned = observed.containers.length === 0 && hasTraces(work.project, context.environment);
  const calm = intact && !abandoned && !isLockHeld(work.project, context.environment);
  if (calm && first.steps.length === 0) {
    return { exitCode: exitCode.ok, worked: false, observed, before: observed, failed: [] };
  }
  context.ran(`${work.title}+work`);
  const { carryOut } = await import('./carry-out.ts');
  return carryOut(context, runtime, { ...work, observed, first });
}
