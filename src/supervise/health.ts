import type { Healthcheck } from '../model/project.ts';
import type { Health, HealthRecord, ProbeResult } from '../model/state.ts';
import { unreachable } from '../util/assert.ts';

/**
 * The health of one life of a container.
 *
 *                    success                     `retries` failures in a row
 *     ┌──────────┐ ─────────→ ┌─────────┐ ──────────────────────────────────→ ┌───────────┐
 *     │ starting │            │ healthy │                                     │ unhealthy │
 *     └──────────┘            └─────────┘ ←────────────────────────────────── └───────────┘
 *          │                                           success                      ↑
 *          └────────── `retries` failures in a row that count ──────────────────────┘
 *
 * Failures do not count during `start_period`, until the first success ends it. `interval` lies between the end of one
 * probe and the start of the next; during the start period `start_interval` takes its place. As in Docker the first probe
 * that counts comes one interval after the start; in addition there are early ones, at doubling distances, that only
 * count when they succeed: a service that is ready after 100 ms is healthy then and not after Docker's 30 s.
 */
export type CheckTimes = Omit<Healthcheck, 'argv'> & {
  /** The first early probe comes so long after the start, each further one `factor` times as long after the one before. */
  readonly early: { readonly firstMs: number; readonly factor: number };
};

export type HealthState = {
  readonly health: Health;
  readonly failingStreak: number;
  readonly results: readonly ProbeResult[];
  readonly startedAtMs: number;
  /** Whether the start period (and with it the time of early probes) is over. */
  readonly succeeded: boolean;
  readonly mode: HealthMode;
};

type HealthMode =
  | { readonly kind: 'waiting'; readonly dueAtMs: number; readonly early?: number }
  | { readonly kind: 'probing'; readonly early?: number }
  | { readonly kind: 'suspended' };

export type HealthEvent =
  | { readonly kind: 'due' }
  | { readonly kind: 'result'; readonly result: ProbeResult }
  /** The container is paused: it cannot answer, and that is not its fault. */
  | { readonly kind: 'paused' }
  | { readonly kind: 'resumed' };

export type HealthEffect =
  | { readonly kind: 'timer'; readonly atMs: number }
  | { readonly kind: 'no-timer' }
  | { readonly kind: 'probe'; readonly timeoutMs: number }
  | { readonly kind: 'cancel-probe' }
  | { readonly kind: 'record'; readonly record: HealthRecord }
  | { readonly kind: 'became'; readonly health: Health; readonly result: ProbeResult };

export type HealthStep = { readonly state: HealthState; readonly effects: readonly HealthEffect[] };

export const keptResults = 5;
export const keptOutput = 4096;

/** At the start of a life, or when a supervisor finds one that it knows `known` of. */
export function beginHealth(
  check: CheckTimes,
  {
    startedAtMs,
    now,
    known = 'starting',
  }: { readonly startedAtMs: number; readonly now: number; readonly known?: Health | undefined },
): HealthStep {
  const succeeded = known === 'healthy';
  const blank = { health: known, failingStreak: known === 'unhealthy' ? check.retries : 0, results: [], startedAtMs };
  return plan({ ...blank, succeeded, mode: { kind: 'suspended' } }, check, {
    now,
    early: known === 'starting' ? 0 : undefined,
  });
}

export function stepHealth(
  state: HealthState,
  event: HealthEvent,
  { now, check }: { readonly now: number; readonly check: CheckTimes },
): HealthStep {
  const { mode } = state;
  switch (event.kind) {
    case 'due': {
      if (mode.kind !== 'waiting') return { state, effects: [] };
      const probing = { kind: 'probing', ...(mode.early !== undefined && { early: mode.early }) } as const;
      return { state: { ...state, mode: probing }, effects: [{ kind: 'probe', timeoutMs: check.timeoutMs }] };
    }
    case 'result':
      // The answer to a probe that was given up (a pause, or the timer of a life before).
      if (mode.kind !== 'probing') return { state, effects: [] };
      return judge(state, cut(event.result), { now, check, early: mode.early });
    case 'paused': {
      const effects: HealthEffect[] =
        mode.kind === 'probing' ? [{ kind: 'cancel-probe' }] : mode.kind === 'waiting' ? [{ kind: 'no-timer' }] : [];
      return { state: { ...state, mode: { kind: 'suspended' } }, effects };
    }
    case 'resumed':
      return mode.kind === 'suspended' ? plan(state, check, { now }) : { state, effects: [] };
    default:
      return unreachable(event);
  }
}

function judge(
  before: HealthState,
  result: ProbeResult,
  { now, check, early }: { readonly now: number; readonly check: CheckTimes; readonly early: number | undefined },
): HealthStep {
  const isGood = result.exitCode === 0;
  const inStartPeriod = !before.succeeded && result.startedAtMs < before.startedAtMs + check.startPeriodMs;
  const counts = !isGood && !inStartPeriod && early === undefined;
  const failingStreak = isGood ? 0 : before.failingStreak + Number(counts);
  const health = isGood ? 'healthy' : counts && failingStreak >= check.retries ? 'unhealthy' : before.health;
  const state: HealthState = {
    ...before,
    health,
    failingStreak,
    results: [...before.results, result].slice(-keptResults),
    succeeded: before.succeeded || isGood,
  };
  const record = { health, failingStreak, results: state.results };
  const next = plan(state, check, { now, early: isGood || early === undefined ? undefined : early + 1 });
  return {
    state: next.state,
    effects: [
      { kind: 'record', record },
      ...(health === before.health ? [] : [{ kind: 'became', health, result } as const]),
      ...next.effects,
    ],
  };
}

/** When to probe next. */
function plan(
  state: HealthState,
  check: CheckTimes,
  { now, early }: { readonly now: number; readonly early?: number | undefined },
): HealthStep {
  const inStartPeriod = !state.succeeded && now < state.startedAtMs + check.startPeriodMs;
  const regularMs = inStartPeriod ? check.startIntervalMs : check.intervalMs;
  // Early probes end where the first regular one, an interval after the start, has its place.
  const firstRegular = state.startedAtMs + regularMs;
  const { firstMs, factor } = check.early;
  const earlyAt = early === undefined ? undefined : now + firstMs * factor ** Math.min(early, 60);
  if (earlyAt !== undefined && earlyAt < firstRegular) {
    const mode = { kind: 'waiting', dueAtMs: earlyAt, early: early ?? 0 } as const;
    return { state: { ...state, mode }, effects: [{ kind: 'timer', atMs: earlyAt }] };
  }
  const dueAtMs = early === undefined ? now + regularMs : Math.max(now, firstRegular);
  return { state: { ...state, mode: { kind: 'waiting', dueAtMs } }, effects: [{ kind: 'timer', atMs: dueAtMs }] };
}

const cut = (result: ProbeResult): ProbeResult =>
  result.output.length <= keptOutput ? result : { ...result, output: result.output.slice(0, keptOutput) };
