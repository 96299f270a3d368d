import { writeFileSync } from 'node:fs';
import type { RuntimeFailure } from '../../../model/event.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import { initLives, monitorLives } from '../lives.ts';
import { readState } from '../state-dir.ts';
import type { Known } from './context.ts';
import { eventually, killIdentified, signalIdentified } from './destroy.ts';

export type OtherStop = {
  readonly signal: number;
  readonly graceMs: number;
  /** Nobody waits any more: the grace is over. */
  readonly over: AbortSignal;
};

/** What a monitor does at STOP, for a container whose monitor speaks another version's language. */
export async function stopOther(
  { record, where }: Known,
  { signal, graceMs, over }: OtherStop,
): Promise<Result<void, RuntimeFailure>> {
  const state = readState(where.stateRecord);
  if (!initLives(state)) return ok(undefined);
  await signalIdentified({ pid: state.initPid, start: state.initStart }, signal);
  if (await eventually(() => over.aborted || !initLives(state), graceMs)) {
    if (!initLives(state)) return ok(undefined);
    return err({ code: 'interrupted', message: `cannot wait for ${record.name}: interrupted`, notes: [] });
  }
  if (await killIdentified(state.initPid, state.initStart)) return ok(undefined);
  return err({ code: 'timeout', message: `cannot stop ${record.name}: its process does not end`, notes: [] });
}

export async function killOther({ record, where }: Known, signal: number): Promise<Result<void, RuntimeFailure>> {
  const state = readState(where.stateRecord);
  const sent = initLives(state) && (await signalIdentified({ pid: state.initPid, start: state.initStart }, signal));
  if (sent) return ok(undefined);
  const message = `cannot reach a process of ${record.name}: it is not running`;
  return err({ code: 'not-running', message, notes: [] });
}

/** Ends the monitor and whatever runs, and forgets what it wrote down: a monitor of ours can take its place. */
export async function displaceOther({ where }: Known): Promise<void> {
  const state = readState(where.stateRecord);
  if (monitorLives(state)) await killIdentified(state.monitorPid, state.monitorStart);
  if (initLives(state)) await killIdentified(state.initPid, state.initStart);
  writeFileSync(where.stateRecord, '');
}
