import type { RestartPolicy } from '../model/project.ts';
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
