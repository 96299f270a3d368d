import type { RestartPolicy } from '../model/project.ts';
import type { ExitedStatus, ObservedContainer } from '../model/state.ts';
import { unreachable } from '../util/assert.ts';
import type { LogEntry } from './log-entry.ts';
import { backOffMs, type End, freshHistory, type History, judgeEnd, type LeaveReason } from './restart-policy.ts';

/**
 * The life of one container as the supervisor sees it. Ends are named by when they happened (`endedAtMs`), so that a
 * report that comes twice, or after a supervisor has died and another one looks, is recognised.
 *
 *              seen running                       seen exited, policy: no
 *     ┌─────┐ ─────────────→ ┌─────────┐ ───────────────────────────────────→ ┌──────┐
 *     │ new │                │ running │ ←──────── started by hand ────────── │ over │
 *     └─────┘ ←── gone,      │ paused  │                                      └──────┘
 *              made anew ──  └─────────┘                                          ↑
 *                              │     ↑ seen running                  stopped by   │
 *      seen exited, policy: yes│     │ → restarted                   the user, or │
 *                              ↓     │                               policy: no   │
 *                      ┌─────────────┐    due → restart   ┌────────────┐          │
 *                      │ backing-off │ ─────────────────→ │ restarting │ ─────────┤
 *                      └─────────────┘ ←───────────────── └────────────┘          │
 *                              │         refused, or ended again                  │
 *                              └──────────────────────────────────────────────────┘
 */
export type Life =
  | { readonly kind: 'new'; readonly history: History }
  | { readonly kind: 'running' | 'paused'; readonly startedAtMs: number; readonly history: History }
  | (Restart & { readonly kind: 'backing-off'; readonly dueAtMs: number })
  | (Restart & { readonly kind: 'restarting' })
  | { readonly kind: 'over'; readonly endedAtMs: number; readonly reason: LeaveReason; readonly history: History };

type Restart = {
  readonly endedAtMs: number;
  readonly exitCode: number | null;
  readonly attempt: number;
  readonly history: History;
  /** Somebody stopped it, perhaps to start it again; if nothing comes of that, it is brought back. */
  readonly requested?: true;
};

export type LifeEvent =
  /** A report of the monitor, or a look at the machine. */
  | { readonly kind: 'seen'; readonly container: ObservedContainer }
  | { readonly kind: 'due' }
  /** The restart was tried and there is nothing to see of it: the machine refused before the container was touched. */
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'gone' };

export type LifeEffect =
  | { readonly kind: 'timer'; readonly atMs: number }
  | { readonly kind: 'no-timer' }
  | { readonly kind: 'restart'; readonly endedAtMs: number; readonly exitCode: number | null; readonly attempt: number }
  /** Its policy has brought it back: dependents that asked for it are to follow. */
  | { readonly kind: 'restarted' }
  | { readonly kind: 'log'; readonly entry: LogEntry };

export type LifeStep = { readonly state: Life; readonly effects: readonly LifeEffect[] };

/** How long whoever has stopped a container gets for what is to follow: its hooks, and its start if it was not for good. */
export const patienceMs = 2000;

export const newLife: Life = { kind: 'new', history: freshHistory };

export function stepLife(
  state: Life,
  event: LifeEvent,
  { now, policy }: { readonly now: number; readonly policy: RestartPolicy },
): LifeStep {
  switch (event.kind) {
    case 'seen':
      return see(state, event.container, now);
    case 'due': {
      if (state.kind !== 'backing-off') return stay(state);
      const { endedAtMs, exitCode, attempt, history } = state;
      const restart = { endedAtMs, exitCode, attempt, ...(state.requested && { requested: true as const }) };
      return {
        state: { kind: 'restarting', ...restart, history },
        effects: [{ kind: 'restart', endedAtMs, exitCode, attempt }],
      };
    }
    case 'refused': {
      if (state.kind !== 'restarting') return stay(state);
      const { endedAtMs, exitCode, attempt } = state;
      const delayMs = policy.delayMs ?? backOffMs(state.history.streak);
      const history = { ...state.history, streak: state.history.streak + 1 };
      const dueAtMs = now + delayMs;
      return {
        state: { kind: 'backing-off', endedAtMs, exitCode, attempt, history, dueAtMs },
        effects: [
          { kind: 'log', entry: { kind: 'restart-refused', message: event.message, delayMs } },
          { kind: 'timer', atMs: dueAtMs },
        ],
      };
    }
    case 'gone':
      return { state: newLife, effects: [{ kind: 'no-timer' }, { kind: 'log', entry: { kind: 'removed' } }] };
    default:
      return unreachable(event);
  }
}

const stay = (state: Life): LifeStep => ({ state, effects: [] });

function see(state: Life, container: ObservedContainer, now: number): LifeStep {
  const { status } = container;
  switch (status.kind) {
    case 'created':
      return state.kind === 'new' ? stay(state) : { state: newLife, effects: [{ kind: 'no-timer' }] };
    case 'running':
    case 'paused':
      return seeAlive(state, container, { kind: status.kind, startedAtMs: status.startedAtMs });
    case 'exited': {
      const { exitCode, finishedAtMs, startedAtMs } = status;
      const lifeMs = Math.max(0, finishedAtMs - startedAtMs);
      const end = { exitCode, atMs: finishedAtMs, lifeMs, failed: false, requested: status.requested === true };
      return seeEnd(state, container, { now, end, entry: endedEntry(status, container.stoppedByUser) });
    }
    case 'failed': {
      const { exitCode, finishedAtMs, message } = status;
      const end = { exitCode, atMs: finishedAtMs, lifeMs: 0, failed: true, requested: false };
      const entry = { kind: 'failed', endedAtMs: finishedAtMs, exitCode, message } as const;
      return seeEnd(state, container, { now, end, entry });
    }
    default:
      return unreachable(status);
  }
}

const endedEntry = (status: ExitedStatus, stoppedByUser: boolean): LogEntry => ({
  kind: 'ended',
  endedAtMs: status.finishedAtMs,
  startedAtMs: status.startedAtMs,
  exitCode: status.exitCode,
  ...(status.signal !== undefined && { signal: status.signal }),
  oomKilled: status.oomKilled,
  ...(status.requested && { requested: true }),
  stoppedByUser,
});

function seeAlive(
  state: Life,
  { restarts, config }: ObservedContainer,
  { kind, startedAtMs }: { readonly kind: 'running' | 'paused'; readonly startedAtMs: number },
): LifeStep {
  const isKnown = (state.kind === 'running' || state.kind === 'paused') && state.startedAtMs === startedAtMs;
  if (isKnown) return { state: { kind, startedAtMs, history: state.history }, effects: [] };
  const automatic = restarts > 0;
  // Without a window every restart since the last one by hand counts, also those this supervisor has not seen.
  const seen = config.restart.windowMs === undefined ? restarts : 1;
  const history = automatic ? { ...state.history, attempts: Math.max(state.history.attempts, seen) } : freshHistory;
  const wasOurs = automatic && (state.kind === 'restarting' || state.kind === 'backing-off') && !state.requested;
  return {
    state: { kind, startedAtMs, history },
    effects: [
      { kind: 'no-timer' },
      { kind: 'log', entry: { kind: 'started', startedAtMs, restarts } },
      ...(wasOurs ? [{ kind: 'restarted' } as const] : []),
    ],
  };
}

function seeEnd(
  state: Life,
  container: ObservedContainer,
  { now, end, entry }: { readonly now: number; readonly end: End; readonly entry: LogEntry },
): LifeStep {
  const isKnown = 'endedAtMs' in state && state.endedAtMs === end.atMs;
  if (isKnown && (state.kind === 'over' || !container.stoppedByUser)) return stay(state);
  const logged: LifeEffect[] = isKnown ? [] : [{ kind: 'log', entry }];
  // Of a container that was made anew or started by hand not even the beginning may have been seen.
  const history = container.restarts > 0 ? state.history : freshHistory;
  const { state: next, effects } = judge(container, { now, end, history });
  return { state: next, effects: [...logged, ...effects] };
}

function judge(
  { config, stoppedByUser, givenUp }: ObservedContainer,
  { now, end, history }: { readonly now: number; readonly end: End; readonly history: History },
): LifeStep {
  // The log may have lost the ends for which it was given up.
  const settled = stoppedByUser ? 'stopped-by-user' : givenUp;
  const verdict =
    settled === undefined
      ? judgeEnd(config.restart, end, history)
      : ({ kind: 'leave', reason: settled, history: freshHistory } as const);
  if (verdict.kind === 'leave') {
    const state = { kind: 'over', endedAtMs: end.atMs, reason: verdict.reason, history: verdict.history } as const;
    return { state, effects: [{ kind: 'no-timer' }, { kind: 'log', entry: { kind: 'left', reason: verdict.reason } }] };
  }
  // Counted from the end itself, so that a supervisor that comes late does not wait all over again; bounded on both
  // sides, so that a clock that was set meanwhile can neither skip nor stretch the delay.
  const { attempt } = verdict;
  const delayMs = end.requested ? Math.max(verdict.delayMs, patienceMs) : verdict.delayMs;
  const dueAtMs = now + Math.min(delayMs, Math.max(0, end.atMs + delayMs - now));
  const { exitCode } = end;
  return {
    state: {
      kind: 'backing-off',
      endedAtMs: end.atMs,
      exitCode,
      attempt,
      history: verdict.history,
      dueAtMs,
      ...(end.requested && { requested: true }),
    },
    effects: [
      { kind: 'log', entry: { kind: 'restart-planned', attempt, delayMs } },
      { kind: 'timer', atMs: dueAtMs },
    ],
  };
}
