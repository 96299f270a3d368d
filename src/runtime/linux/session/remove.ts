import { constants } from 'node:os';
import type { RuntimeFailure } from '../../../model/event.ts';
import type { ActionOf } from '../../../model/plan.ts';
import type { ContainerName } from '../../../model/units.ts';
import { ok, type Result } from '../../../util/result.ts';
import { request } from '../control.ts';
import { type ContainerPaths, containerPaths } from '../paths.ts';
import { readRecord, readState } from '../state-dir.ts';
import { removeVolume } from '../volumes.ts';
import { findContainer, monitorAnswers, type SessionContext } from './context.ts';
import { destroyContainer } from './destroy.ts';
import { killOther } from './end-other.ts';

/** A one-off that nobody attends any more: it goes, or at least what still runs in it. */
export async function cleanUpOneOff(
  context: SessionContext,
  { name, where, remove }: { readonly name: ContainerName; readonly where: ContainerPaths; readonly remove: boolean },
): Promise<Result<void, RuntimeFailure>> {
  if (remove) return removeContainer(context, { kind: 'remove', container: name, volumes: true });
  const known = findContainer(context, name);
  const state = readState(where.stateRecord);
  if (known.ok && state?.otherAbi !== undefined) return killOther(known.value, constants.signals.SIGKILL);
  monitorAnswers(state);
  const killed = await request(where.controlSocket, { op: 'KILL', a: constants.signals.SIGKILL });
  if (!killed.ok) return killed;
  const ended = await request(where.controlSocket, { op: 'WAIT' });
  return ended.ok ? ok(undefined) : ended;
}

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
