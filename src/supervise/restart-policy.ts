import type { RestartPolicy } from '../model/project.ts';

/** What earlier ends mean for the next one. Starts by hand begin a new history. */
export type History = {
  /** Automatic restarts that count against `maxAttempts`. */
  readonly attempts: number;
  /** Short lives in a row; the exponent of the back-off. */
  readonly streak: number;
  /** When the last ends were, oldest first; only as many as the start limit looks at. */
  readonly endsAtMs: readonly number[];
};

export const freshHistory: History = { attempts: 0, streak: 0, endsAtMs: [] };

export type End = {
  /** null: nobody saw it; counts as a failure. */
  readonly exitCode: number | null;
  readonly lifeMs: number;
  readonly atMs: number;
  /** It could not even be started. */
  readonly failed: boolean;
  /** Somebody stopped it through us. */
  readonly requested?: boolean;
};

/** Why a container that has ended is left alone. */
export type LeaveReason =
  | 'stopped-by-user'
  | 'no-policy'
  | 'completed'
  | 'cannot-start'
  | 'attempts-used-up'
  | 'start-limit';

export type Verdict =
  | { readonly kind: 'restart'; readonly delayMs: number; readonly attempt: number; readonly history: History }
  | { readonly kind: 'leave'; readonly reason: LeaveReason; readonly history: History };

/** The first automatic restart waits this long, each further one twice as long as the one before. */
export const firstDelayMs = 100;
export const longestDelayMs = 60_000;
/** A life of this length was no crash loop: the back-off begins anew. Docker's numbers, all three. */
export const goodLifeMs = 10_000;

/**
 * What a restart policy says of an end. `window` (deploy.restart_policy) makes a life of that length a success that clears
 * the attempts; without one, as in Docker, attempts count from the last start by hand.
 */
export function judgeEnd(policy: RestartPolicy, end: End, history: History): Verdict {
  const { maxAttempts, windowMs, delayMs, startLimit } = policy;
  const attempts = windowMs !== undefined && end.lifeMs >= windowMs ? 0 : history.attempts;
  const streak = end.lifeMs >= goodLifeMs ? 0 : history.streak;
  // One that was asked for is no crash.
  const counts = startLimit !== undefined && !end.requested;
  const endsAtMs = counts ? [...history.endsAtMs, end.atMs].slice(-startLimit.ends - 1) : history.endsAtMs;
  const leave = (reason: LeaveReason): Verdict => ({ kind: 'leave', reason, history: { attempts, streak, endsAtMs } });

  if (policy.condition === 'no') return leave('no-policy');
  if (policy.condition === 'on-failure' && end.exitCode === 0) return leave('completed');
  // A command that is missing at the first start is the user's to mend; one that is missing at a restart may come back.
  if (end.failed && history.attempts === 0) return leave('cannot-start');
  if (maxAttempts !== undefined && attempts >= maxAttempts) return leave('attempts-used-up');
  if (counts && endsAtMs.length > startLimit.ends) {
    const [oldest = 0] = endsAtMs;
    if (end.atMs - oldest <= startLimit.withinMs) return leave('start-limit');
  }
  return {
    kind: 'restart',
    delayMs: delayMs ?? backOffMs(streak),
    attempt: attempts + 1,
    history: { attempts: attempts + 1, streak: streak + 1, endsAtMs },
  };
}

/** Milliseconds to wait after `streak` short lives. */
export const backOffMs = (streak: number): number => Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(streak, 20));
