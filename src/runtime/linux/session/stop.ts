import { constants } from 'node:os';
import type { RuntimeFailure } from '../../../model/event.ts';
import type { ActionOf } from '../../../model/plan.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import { type Request, request } from '../control.ts';
import { errnoSentence } from '../errno.ts';
import { initLives } from '../lives.ts';
import { otherVersionOf, refuseOther } from '../other-version.ts';
import { statePhase } from '../protocol.ts';
import { signalNumber } from '../signals.ts';
import { readState } from '../state-dir.ts';
import { findContainer, type Known, monitorAnswers, type SessionContext, updateRecord } from './context.ts';
import { killOther, stopOther } from './end-other.ts';
import { adoptContainer } from './hold.ts';

type Done = Promise<Result<void, RuntimeFailure>>;

/** The stop signal, the grace, and then the end of everything in its cgroup; all of it by the monitor. */
export async function stopContainer(context: SessionContext, action: ActionOf<'stop'>, signal: AbortSignal): Done {
  const known = findContainer(context, action.container);
  if (!known.ok) return known;
  if (action.byUser) updateRecord(known.value, { stoppedByUser: true });
  const number = signalNumber(action.signal) ?? constants.signals.SIGTERM;
  if (otherVersion(known.value) !== undefined) {
    return stopOther(known.value, { signal: number, graceMs: action.graceMs, over: signal });
  }
  const stop = { op: 'STOP', a: number, b: Math.ceil(action.graceMs), flags: settled(action, known.value) } as const;
  for (let tries = 1; ; tries++) {
    const reachable = await reach(context, known.value);
    if (!reachable.ok || !reachable.value) return reachable.ok ? ok(undefined) : reachable;
    // Its monitor may be killed meanwhile; the next one goes on with the grace where that one was.
    const goesOn = tries > 1 && readState(known.value.where.stateRecord)?.phase === statePhase.STOPPING;
    const stopped = goesOn ? ok(undefined) : await ask(known.value, stop, { signal, missing: 'fine' });
    const ended = stopped.ok ? await ask(known.value, { op: 'WAIT' }, { signal, missing: 'fine' }) : stopped;
    if (ended.ok || ended.error.code !== 'shim-failed' || tries === mostTries) return ended;
  }
}

const mostTries = 5;

export async function killContainer(context: SessionContext, action: ActionOf<'kill'>, signal: AbortSignal): Done {
  const known = findContainer(context, action.container);
  if (!known.ok) return known;
  if (action.byUser) updateRecord(known.value, { stoppedByUser: true });
  const number = signalNumber(action.signal) ?? constants.signals.SIGKILL;
  if (otherVersion(known.value) !== undefined) return killOther(known.value, number);
  const reachable = await reach(context, known.value);
  if (!reachable.ok) return reachable;
  return ask(
    known.value,
    { op: 'KILL', a: number, flags: settled(action, known.value) },
    { signal, missing: 'refused' },
  );
}

export async function pauseContainer(
  context: SessionContext,
  { kind, container }: ActionOf<'pause' | 'unpause'>,
  signal: AbortSignal,
): Done {
  const known = findContainer(context, container);
  if (!known.ok) return known;
  const other = otherVersion(known.value);
  if (other !== undefined) return err(refuseOther(`${kind} ${container}`, other));
  const reachable = await reach(context, known.value);
  if (!reachable.ok) return reachable;
  return ask(known.value, { op: kind === 'pause' ? 'PAUSE' : 'UNPAUSE' }, { signal, missing: 'refused' });
}

const otherVersion = ({ record, where }: Known): string | undefined =>
  otherVersionOf(record, readState(where.stateRecord));

/**
 * The user wants it to stay stopped, which is on record: there is nothing for a supervisor to see to, but hooks after the
 * end, when whoever plans them is killed before it comes to them.
 */
const settled = ({ byUser }: { readonly byUser?: true | undefined }, { record }: Known): number =>
  Number(byUser === true && record.config.hooks.postStop.length === 0);

/** false: nothing runs and nobody would answer. A process without a monitor gets one. */
async function reach(context: SessionContext, known: Known): Promise<Result<boolean, RuntimeFailure>> {
  const state = readState(known.where.stateRecord);
  if (monitorAnswers(state)) return ok(true);
  if (!initLives(state)) return ok(false);
  const adopted = await adoptContainer(context, known);
  return adopted.ok ? ok(true) : adopted;
}

async function ask(
  { record, where }: Known,
  what: Request,
  options: { readonly signal: AbortSignal; readonly missing: 'fine' | 'refused' },
): Done {
  const reply = await request(where.controlSocket, what, { signal: options.signal });
  if (!reply.ok) return reply;
  const { error } = reply.value;
  if (error === 0 || (error === constants.errno.ESRCH && options.missing === 'fine')) return ok(undefined);
  if (error === constants.errno.ESRCH) {
    return err({
      code: 'not-running',
      message: `cannot reach a process of ${record.name}: it is not running`,
      notes: [],
    });
  }
  const message = `cannot ${what.op.toLowerCase()} ${record.name}: ${errnoSentence(error)}`;
  const notes = what.op === 'PAUSE' ? ['pausing needs a cgroup2 file system (mount -t cgroup2)'] : [];
  return err({ code: 'io', message, notes });
}
