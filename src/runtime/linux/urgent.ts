import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RuntimeFailure } from '../../model/event.ts';
import type { ActionOf } from '../../model/plan.ts';
import type { ContainerName } from '../../model/units.ts';
import { err, ok } from '../../util/result.ts';
import type { Haste, Outcome } from '../runtime.ts';
import { hookGroup } from './cgroup/layout.ts';
import { request, subscribe } from './control.ts';
import { errnoSentence } from './errno.ts';
import { otherVersionOf } from './other-version.ts';
import { containerPaths, type ProjectPaths } from './paths.ts';
import { statePhase } from './protocol.ts';
import type { ShimState } from './records.ts';
import { monitorAnswers } from './session/context.ts';
import { hastenOther, killOther } from './session/end-other.ts';
import { signalNumber } from './signals.ts';
import { type ContainerRecord, entries, readRecord, readState } from './state-dir.ts';

export async function killNow(at: ProjectPaths, action: ActionOf<'kill'>, signal: AbortSignal): Outcome {
  const { container } = action;
  const where = containerPaths(at, container);
  const state = readState(where.stateRecord);
  const number = signalNumber(action.signal) ?? constants.signals.SIGKILL;
  const record = readRecord(where.record);
  // Whose monitor speaks another language; whoever holds the lock looks at the process itself.
  if (record !== undefined && otherVersionOf(record, state) !== undefined) return killOther({ record, where }, number);
  if (!monitorAnswers(state)) return err(unreachable(container, 'its monitor is gone'));
  const reply = await request(where.controlSocket, { op: 'KILL', a: number }, { signal });
  if (!reply.ok) return reply;
  const { error } = reply.value;
  // Over already, which is what whoever holds the lock was waiting for.
  return error === 0 || error === constants.errno.ESRCH
    ? ok(undefined)
    : err(unreachable(container, errnoSentence(error)));
}

const unreachable = (container: ContainerName, why: string): RuntimeFailure => ({
  code: 'not-running',
  message: `cannot send ${container} a signal: ${why}`,
  notes: [],
});

/**
 * One container after the other may be stopped while we look; monitors shorten a grace and never lengthen it. A hook that
 * runs has no grace of its own: with one that is asked for (`graceMs`) it has that from now on.
 */
export async function hastenStops(at: ProjectPaths, { services, graceMs }: Haste, signal: AbortSignal): Promise<void> {
  const hurrying = entries(at.containers).map(async (name) => {
    const where = containerPaths(at, name as ContainerName);
    const { controlSocket } = where;
    const record = readRecord(where.record);
    if (record === undefined || (services.length > 0 && !services.includes(record.service))) return;
    const enoughMs = graceMs ?? record.config.stopGraceMs;
    if (otherVersionOf(record, readState(where.stateRecord)) !== undefined)
      return hastenOther({ where }, enoughMs, signal);
    const stop = { op: 'STOP', b: Math.ceil(enoughMs) } as const;
    const isHook = record.oneOff === 'hook' && graceMs !== undefined;
    if (graceMs !== undefined) void endHook(record, graceMs, signal);
    let hurried = 0;
    const onState = ({ phase, starts }: ShimState): boolean => {
      const isDue = phase === statePhase.STOPPING || (isHook && phase === statePhase.RUNNING);
      if (!isDue || hurried === starts) return false;
      hurried = starts;
      void request(controlSocket, stop, { signal });
      return false;
    };
    await subscribe(controlSocket, onState, { signal });
  });
  await Promise.all(hurrying);
}

/** One that runs in the container itself. */
async function endHook({ config, cgroups }: ContainerRecord, graceMs: number, signal: AbortSignal): Promise<void> {
  if (config.hooks.postStart.length + config.hooks.preStop.length === 0 || cgroups.v2 === undefined) return;
  try {
    await sleep(graceMs, undefined, { signal });
    writeFileSync(`${cgroups.v2.dir}/${hookGroup}/cgroup.kill`, '1');
  } catch {
    // None has run yet, or whoever held the project is done.
  }
}
