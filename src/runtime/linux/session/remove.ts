import type { RuntimeFailure } from '../../../model/event.ts';
import type { ActionOf } from '../../../model/plan.ts';
import { ok, type Result } from '../../../util/result.ts';
import { containerPaths } from '../paths.ts';
import { readRecord } from '../state-dir.ts';
import { removeVolume } from '../volumes.ts';
import type { SessionContext } from './context.ts';
import { destroyContainer } from './destroy.ts';

/** One that is gone already is fine: a killed command may have been just before us. */
export async function removeContainer(
  context: SessionContext,
  { container, volumes }: ActionOf<'remove'>,
): Promise<Result<void, RuntimeFailure>> {
  const where = containerPaths(context.at, container);
  const anonymous = readRecord(where.record)?.anonymous ?? [];
  const destroyed = await destroyContainer(context, { name: container, where });
  if (!destroyed.ok || !volumes) return destroyed;
  for (const [, name] of anonymous) {
    const removed = removeVolume(context.paths.volumes, name);
    if (!removed.ok) return removed;
  }
  return ok(undefined);
}
