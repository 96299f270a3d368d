import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RuntimeFailure } from '../../model/event.ts';
import { hookTimeOf } from '../../model/hook-time.ts';
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
 * runs has no grace of its own: with one that is asked for (`graceMs`) it has that from now on, and one that begins while
 * we look what the plan of a stop would give it.
 */
export async function hastenStops(at: ProjectPaths, wish: Haste, signal: AbortSignal): Promise<void> {
  const hurrying = new Map<string, Promise<void>>();
  let { graceMs: hookMs }: { readonly graceMs?: number } = wish;
  // What is brought back, and the hooks of that, may come while the project is waited for.
  while (!signal.aborted) {
    for (const name of entries(at.containers)) {
      if (hurrying.has(name)) continue;
      const haste = { ...wish, hookMs, signal };
      hurrying.set(
        name,
        hastenStop(at, name as ContainerName, haste).finally(() => hurrying.delete(name)),
      );
    }
    hookMs = laterHookMs(wish);
    await pause(lookAgainMs, signal);
  }
  await Promise.all(hurrying.values());
}

const lookAgainMs = 200;

const laterHookMs = ({ graceMs, sparesHooks }: Haste): number | undefined =>
  graceMs === undefined || sparesHooks ? undefined : hookTimeOf(graceMs);

type Hurry = Haste & { readonly hookMs: number | undefined; readonly signal: AbortSignal };

/** Until the signal, or until its monitor is gone. */
async function hastenStop(at: ProjectPaths, name: ContainerName, { hookMs, signal, ...wish }: Hurry): Promise<void> {
  const where = containerPaths(at, name);
  const { controlSocket } = where;
  const { services, graceMs } = wish;
  const record = readRecord(where.record);
  if (record === undefined || (services.length > 0 && !services.includes(record.service))) return;
  const enoughMs = graceMs ?? record.config.stopGraceMs;
  if (otherVersionOf(record, readState(where.stateRecord)) !== undefined)
    return hastenOther({ where }, enoughMs, signal);
  const isHook = record.oneOff === 'hook' && hookMs !== undefined;
  const stop = { op: 'STOP', b: Math.ceil(isHook ? hookMs : enoughMs) } as const;
  const gone = new AbortController();
  void endHooks(record, [hookMs, laterHookMs(wish)], AbortSignal.any([signal, gone.signal]));
  let hurried = 0;
  const onState = ({ phase, starts }: ShimState): boolean => {
    const isDue = phase === statePhase.STOPPING || (isHook && phase === statePhase.RUNNING);
    if (!isDue || hurried === starts) return false;
    hurried = starts;
    void request(controlSocket, stop, { signal });
    return false;
  };
  await subscribe(controlSocket, onState, { signal });
  gone.abort();
}

/** Those that run in the container itself: after the first span, and then again after each second one. */
async function endHooks(
  { config, cgroups }: ContainerRecord,
  [firstMs, againMs]: readonly [number | undefined, number | undefined],
  signal: AbortSignal,
): Promise<void> {
  if (config.hooks.postStart.length + config.hooks.preStop.length === 0 || cgroups.v2 === undefined) return;
  for (let ms = firstMs; ms !== undefined; ms = againMs) {
    await pause(ms, signal);
    if (signal.aborted) return;
    try {
      writeFileSync(`${cgroups.v2.dir}/${hookGroup}/cgroup.kill`, '1');
    } catch {
      // None has run yet.
    }
  }
}

/** Shorter when the signal is aborted. */
const pause = (ms: number, signal: AbortSignal): Promise<void> => sleep(ms, undefined, { signal }).catch(() => {});
