import { constants } from 'node:os';
import type { RuntimeFailure } from '../../../model/event.ts';
import type { ActionOf } from '../../../model/plan.ts';
import { unreachable } from '../../../util/assert.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import { interrupted } from '../control.ts';
import { errnoSentence, opFailure } from '../errno.ts';
import { opAt } from '../frame.ts';
import type { StartAnswer } from '../launch.ts';
import { initLives } from '../lives.ts';
import { refuseOther } from '../other-version.ts';
import { opKind, statePhase } from '../protocol.ts';
import { refusalOf } from '../refusal.ts';
import { readState } from '../state-dir.ts';
import { failedStatus } from '../status-text.ts';
import { findContainer, type Known, monitorAnswers, type SessionContext, updateRecord } from './context.ts';

export async function startContainer(
  context: SessionContext,
  { container, automatic }: ActionOf<'start'>,
  signal: AbortSignal,
): Promise<Result<void, RuntimeFailure>> {
  const begun = context.starting.get(container);
  if (begun !== undefined) {
    context.starting.delete(container);
    return unlessAborted(begun, signal);
  }
  const known = findContainer(context, container);
  if (!known.ok) return known;
  const monitored = await ensureMonitor(context, known.value);
  if (!monitored.ok) return monitored;
  const settled = await context.network.settle();
  if (!settled.ok) return settled;
  const { record } = known.value;
  const fresh = findContainer(context, container);
  if (fresh.ok && automatic) count(context, { ...fresh.value, restarts: record.restarts + 1 });
  if (fresh.ok && !automatic) updateRecord(fresh.value, { stoppedByUser: false, restarts: 0 });

  if (signal.aborted) return err(interrupted);
  const answer = await unlessAborted(context.launcher.startHeld(known.value.where.state), signal);
  return answer.ok ? outcomeOf(context, known.value, answer.value) : answer;
}

async function outcomeOf(
  context: SessionContext,
  known: Known,
  answer: StartAnswer,
): Promise<Result<void, RuntimeFailure>> {
  switch (answer.kind) {
    case 'started':
      return ok(undefined);
    case 'failed':
      return err(await startFailure(context, known));
    case 'refused': {
      if (answer.errno === constants.errno.EBUSY) return ok(undefined);
      const message = `cannot start ${known.record.name}: ${errnoSentence(answer.errno)}`;
      return err({ code: 'shim-failed', message, notes: [] });
    }
    default:
      return unreachable(answer);
  }
}

/** A start that is under way cannot be called back: after an interruption it gets this long to tell how it ended. */
const lastWordMs = 1000;

function unlessAborted<T>(
  outcome: Promise<Result<T, RuntimeFailure>>,
  signal: AbortSignal,
): Promise<Result<T, RuntimeFailure>> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const abort = (): void => {
      timer = setTimeout(() => resolve(err(interrupted)), lastWordMs);
    };
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort);
    void outcome.then((result) => {
      signal.removeEventListener('abort', abort);
      clearTimeout(timer);
      resolve(result);
    });
  });
}

/** A disk that is full costs the count, and not the restart. */
function count(context: SessionContext, { restarts, ...known }: Known & { readonly restarts: number }): void {
  try {
    updateRecord(known, { restarts });
  } catch (cause) {
    const refusal = refusalOf(cause);
    if (refusal === undefined) throw cause;
    context.warn(refusal.message, known.record.name);
  }
}

/** A start needs a monitor: the one it has, a new one for a process that runs without, or a new one that starts anew. */
export async function ensureMonitor(context: SessionContext, known: Known): Promise<Result<void, RuntimeFailure>> {
  const state = readState(known.where.stateRecord);
  const { name, otherVersion } = known.record;
  if (otherVersion !== undefined) return err(refuseOther(`start ${name}`, `record ${otherVersion}`));
  if (state?.otherAbi !== undefined) {
    await (await import('./end-other.ts')).displaceOther(known);
    return (await import('./hold.ts')).holdContainer(context, known);
  }
  if (monitorAnswers(state)) return ok(undefined);
  const { adoptContainer, holdContainer } = await import('./hold.ts');
  return initLives(state) ? adoptContainer(context, known) : holdContainer(context, known);
}

/** What the monitor wrote down, joined with the op it speaks of. */
async function startFailure(context: SessionContext, { record, where }: Known): Promise<RuntimeFailure> {
  const { planContainer } = await import('./hold.ts');
  const state = readState(where.stateRecord);
  if (state?.phase !== statePhase.FAILED) return { code: 'setup-failed', message: 'cannot start', notes: [] };
  const planned = planContainer(context, record);
  const found = planned.ok ? opAt(planned.value.sandbox.program, state.failOp) : undefined;
  if (found !== undefined && opKind[found.op.kind] === state.failKind) {
    return opFailure({ op: found.op, errno: state.failError, text: state.failText });
  }
  const status = failedStatus(state);
  return { code: 'setup-failed', message: status.kind === 'failed' ? status.message : 'cannot start', notes: [] };
}
