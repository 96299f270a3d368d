import type { RestartPolicy } from '../model/project.ts';
import type { ObservedContainer } from '../model/state.ts';
import { unreachable } from '../util/assert.ts';
import type { LogLine } from './log-entry.ts';
import { type Life, type LifeStep, newLife, patienceMs } from './machine.ts';
import { freshHistory, judgeEnd, longestDelayMs } from './restart-policy.ts';

/**
 * What a supervisor that has just come to life knows of a container: its event log, told again. A restart that was planned
 * is still planned; one that was under way is tried once more (under the lock it turns out whether it has happened).
 */
export function restoreLife(
  lines: readonly LogLine[],
  { now, policy }: { readonly now: number; readonly policy: RestartPolicy },
): LifeStep {
  let state: Life = newLife;
  for (const line of lines) state = retell(state, line, policy);
  return state.kind === 'backing-off'
    ? { state, effects: [{ kind: 'timer', atMs: Math.min(state.dueAtMs, now + longestDelayMs) }] }
    : { state, effects: [] };
}

/**
 * The end after which the hooks have not all been run, because whoever ran them was killed; undefined: nothing is owed. They
 * are run again from the first one on: what one of them has done in between nobody knows.
 */
export function owedPostStop(lines: readonly LogLine[], hooks: number): number | undefined {
  let owed: { readonly endedAtMs: number; readonly hooks: number } | undefined;
  for (const line of lines) {
    if (line.kind === 'ended') owed = line.requested ? undefined : { endedAtMs: line.endedAtMs, hooks };
    else if (line.kind === 'started' || line.kind === 'removed') owed = undefined;
    else if (line.kind === 'step' && line.action === 'post-stop hook' && owed !== undefined)
      owed = { ...owed, hooks: owed.hooks - 1 };
  }
  return owed !== undefined && owed.hooks > 0 ? owed.endedAtMs : undefined;
}

/**
 * Whether nobody has run all hooks after the end that a container is in, also where that was asked for: `owedPostStop` leaves
 * such an end to whoever asked.
 */
export function owesPostStop(lines: readonly LogLine[], { name, status, config }: ObservedContainer): boolean {
  if (status.kind !== 'exited') return false;
  const run = lines.filter(
    (line) =>
      line.container === name &&
      line.kind === 'step' &&
      line.action === 'post-stop hook' &&
      line.atMs >= status.finishedAtMs,
  );
  return run.length < config.hooks.postStop.length;
}

function retell(state: Life, line: LogLine, policy: RestartPolicy): Life {
  switch (line.kind) {
    case 'started': {
      const { startedAtMs, restarts } = line;
      return { kind: 'running', startedAtMs, history: restarts > 0 ? state.history : freshHistory };
    }
    case 'ended':
    case 'failed':
      return retellEnd(state, line, policy);
    case 'left':
      return 'endedAtMs' in state
        ? { kind: 'over', endedAtMs: state.endedAtMs, reason: line.reason, history: state.history }
        : state;
    case 'removed':
      return newLife;
    case 'step':
      // Made anew, it has nothing to do with the one of before.
      return line.action === 'create' && line.failure === undefined ? newLife : state;
    case 'restart-planned':
    case 'restart-refused':
    case 'health':
      return state;
    default:
      return unreachable(line);
  }
}

function retellEnd(state: Life, line: Extract<LogLine, { kind: 'ended' | 'failed' }>, policy: RestartPolicy): Life {
  const { endedAtMs, exitCode } = line;
  const ended = line.kind === 'ended' ? line : undefined;
  const requested = ended?.requested === true;
  const lifeMs = ended === undefined ? 0 : Math.max(0, endedAtMs - ended.startedAtMs);
  const end = { exitCode, atMs: endedAtMs, lifeMs, failed: ended === undefined, requested };
  const verdict = judgeEnd(policy, end, state.history);
  if (verdict.kind === 'leave' || ended?.stoppedByUser) {
    const reason = verdict.kind === 'leave' && !ended?.stoppedByUser ? verdict.reason : 'stopped-by-user';
    return { kind: 'over', endedAtMs, reason, history: verdict.history };
  }
  const { attempt, history } = verdict;
  const delayMs = requested ? Math.max(verdict.delayMs, patienceMs) : verdict.delayMs;
  const restart = { endedAtMs, exitCode, attempt, history, ...(requested && { requested }) };
  return { kind: 'backing-off', ...restart, dueAtMs: endedAtMs + delayMs };
}
