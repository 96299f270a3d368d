import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RuntimeFailure } from '../../../model/event.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import { initLives, monitorLives } from '../lives.ts';
import { monotonicMs } from '../monotonic.ts';
import { readState } from '../state-dir.ts';
import type { Known } from './context.ts';
import { eventually, killIdentified, signalIdentified } from './destroy.ts';

export type OtherStop = {
  readonly signal: number;
  readonly graceMs: number;
  /** Nobody waits any more: the grace is over. */
  readonly over: AbortSignal;
};

/**
 * What a monitor does at STOP, for a container whose monitor speaks another version's language. When its grace is over is on
 * disk meanwhile, so that somebody else can shorten it.
 */
export async function stopOther(
  { record, where }: Known,
  { signal, graceMs, over }: OtherStop,
): Promise<Result<void, RuntimeFailure>> {
  const state = readState(where.stateRecord);
  if (!initLives(state)) return ok(undefined);
  writeMoment(where.stopBy, monotonicMs() + graceMs, 'w');
  try {
    await signalIdentified({ pid: state.initPid, start: state.initStart }, signal);
    await eventually(() => over.aborted || !initLives(state) || monotonicMs() >= readMoment(where.stopBy), graceMs);
    if (!initLives(state)) return ok(undefined);
    if (over.aborted) {
      return err({ code: 'interrupted', message: `cannot wait for ${record.name}: interrupted`, notes: [] });
    }
    if (await killIdentified(state.initPid, state.initStart)) return ok(undefined);
    return err({ code: 'timeout', message: `cannot stop ${record.name}: its process does not end`, notes: [] });
  } finally {
    rmSync(where.stopBy, { force: true });
  }
}

/** Sees to it, until `signal` or the end of the container, that a `stopOther` elsewhere takes no longer than this from now on. */
export async function hastenOther(
  { where }: Pick<Known, 'where'>,
  graceMs: number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted && initLives(readState(where.stateRecord))) {
    const moment = monotonicMs() + graceMs;
    if (readMoment(where.stopBy) > moment) writeMoment(where.stopBy, moment, 'r+');
    await sleep(50);
  }
}

/** Never when nothing says when. */
function readMoment(path: string): number {
  try {
    return Number.parseInt(readFileSync(path, 'utf8'), 10) || Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** All of it at once, as all moments are as long. A disk that is full keeps nobody from stopping, only from hastening it. */
function writeMoment(path: string, moment: number, flag: 'w' | 'r+'): void {
  try {
    writeFileSync(path, `${Math.ceil(moment)}`.padStart(20), { flag });
  } catch {
    // Or it is over meanwhile: with r+ nothing is written that nobody would take away.
  }
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
