import { describe, expect, test } from 'vitest';
import type { RestartPolicy } from '../../../src/model/project.ts';
import type { ContainerStatus, ObservedContainer } from '../../../src/model/state.ts';
import type { ContainerName } from '../../../src/model/units.ts';
import type { LogLine } from '../../../src/supervise/log-entry.ts';
import {
  type Life,
  type LifeEffect,
  type LifeEvent,
  type LifeStep,
  newLife,
  stepLife,
} from '../../../src/supervise/machine.ts';
import { freshHistory } from '../../../src/supervise/restart-policy.ts';
import { restoreLife } from '../../../src/supervise/restore.ts';
import { desiredState, observe } from '../../support/builders.ts';

const always: RestartPolicy = { condition: 'always' };
const now = 10_000;

function container(status: ContainerStatus, rest: Partial<ObservedContainer> = {}, policy = always): ObservedContainer {
  const [desired] = desiredState([{ name: 'web', config: { restart: policy } }]).containers;
  return observe(desired!, { status, ...rest });
}
const seen = (status: ContainerStatus, rest?: Partial<ObservedContainer>, policy?: RestartPolicy): LifeEvent => ({
  kind: 'seen',
  container: container(status, rest, policy),
});
const runningAt = (startedAtMs: number): ContainerStatus => ({ kind: 'running', pid: 7, startedAtMs });
const pausedAt = (startedAtMs: number): ContainerStatus => ({ kind: 'paused', pid: 7, startedAtMs });
const exitedAt = (finishedAtMs: number, exitCode = 1): ContainerStatus => ({
  kind: 'exited',
  exitCode,
  oomKilled: false,
  startedAtMs: finishedAtMs - 50,
  finishedAtMs,
});
const failedAt = (finishedAtMs: number): ContainerStatus => ({
  kind: 'failed',
  message: 'cannot',
  exitCode: 127,
  finishedAtMs,
});

const once = { attempts: 1, streak: 1, endsAtMs: [] };
const states: Record<string, Life> = {
  new: newLife,
  running: { kind: 'running', startedAtMs: 9000, history: freshHistory },
  paused: { kind: 'paused', startedAtMs: 9000, history: freshHistory },
  'backing-off': { kind: 'backing-off', endedAtMs: 9950, exitCode: 1, attempt: 1, history: once, dueAtMs: 10_050 },
  restarting: { kind: 'restarting', endedAtMs: 9950, exitCode: 1, attempt: 1, history: once },
  over: { kind: 'over', endedAtMs: 9950, reason: 'completed', history: freshHistory },
};
const events: Record<string, LifeEvent> = {
  created: seen({ kind: 'created' }),
  'running, as known': seen(runningAt(9000)),
  'running, new life by hand': seen(runningAt(9990)),
  'running, new life by policy': seen(runningAt(9990), { restarts: 1 }),
  paused: seen(pausedAt(9000)),
  'ended, as known': seen(exitedAt(9950)),
  'ended, new end by policy': seen(exitedAt(9960), { restarts: 1 }),
  'ended, new end by hand': seen(exitedAt(9960)),
  'ended, stopped by the user': seen(exitedAt(9950), { stoppedByUser: true }),
  'failed to start': seen(failedAt(9970), { restarts: 1 }),
  due: { kind: 'due' },
  refused: { kind: 'refused', message: 'cannot take the lock' },
  gone: { kind: 'gone' },
};

function summary({ state, effects }: LifeStep): string {
  const detail =
    state.kind === 'over' ? ` (${state.reason})` : state.kind === 'backing-off' ? ` until ${state.dueAtMs}` : '';
  return [`${state.kind}${detail}`, ...effects.map(effectText)].join(', ');
}
function effectText(effect: LifeEffect): string {
  if (effect.kind === 'log') return `log ${effect.entry.kind}`;
  if (effect.kind === 'timer') return `timer ${effect.atMs}`;
  return effect.kind === 'restart' ? `restart ${effect.attempt}` : effect.kind;
}

const backOff = (first: string, until: number) =>
  `backing-off until ${until}, ${first}log restart-planned, timer ${until}`;
const byUser = 'over (stopped-by-user), no-timer, log left';
const removed = 'new, no-timer, log removed';

const table: Record<string, Record<string, string>> = {
  new: {
    created: 'new',
    'running, as known': 'running, no-timer, log started',
    'running, new life by hand': 'running, no-timer, log started',
    'running, new life by policy': 'running, no-timer, log started',
    paused: 'paused, no-timer, log started',
    'ended, as known': backOff('log ended, ', 10_050),
    'ended, new end by policy': backOff('log ended, ', 10_060),
    'ended, new end by hand': backOff('log ended, ', 10_060),
    'ended, stopped by the user': 'over (stopped-by-user), log ended, no-timer, log left',
    'failed to start': 'over (cannot-start), log failed, no-timer, log left',
    due: 'new',
    refused: 'new',
    gone: removed,
  },
  running: {
    created: 'new, no-timer',
    'running, as known': 'running',
    'running, new life by hand': 'running, no-timer, log started',
    'running, new life by policy': 'running, no-timer, log started',
    paused: 'paused',
    'ended, as known': backOff('log ended, ', 10_050),
    'ended, new end by policy': backOff('log ended, ', 10_060),
    'ended, new end by hand': backOff('log ended, ', 10_060),
    'ended, stopped by the user': 'over (stopped-by-user), log ended, no-timer, log left',
    'failed to start': 'over (cannot-start), log failed, no-timer, log left',
    due: 'running',
    refused: 'running',
    gone: removed,
  },
  paused: {
    created: 'new, no-timer',
    'running, as known': 'running',
    'running, new life by hand': 'running, no-timer, log started',
    'running, new life by policy': 'running, no-timer, log started',
    paused: 'paused',
    'ended, as known': backOff('log ended, ', 10_050),
    'ended, new end by policy': backOff('log ended, ', 10_060),
    'ended, new end by hand': backOff('log ended, ', 10_060),
    'ended, stopped by the user': 'over (stopped-by-user), log ended, no-timer, log left',
    'failed to start': 'over (cannot-start), log failed, no-timer, log left',
    due: 'paused',
    refused: 'paused',
    gone: removed,
  },
  'backing-off': {
    created: 'new, no-timer',
    'running, as known': 'running, no-timer, log started',
    'running, new life by hand': 'running, no-timer, log started',
    'running, new life by policy': 'running, no-timer, log started, restarted',
    paused: 'paused, no-timer, log started',
    'ended, as known': 'backing-off until 10050',
    'ended, new end by policy': backOff('log ended, ', 10_160),
    'ended, new end by hand': backOff('log ended, ', 10_060),
    'ended, stopped by the user': byUser,
    'failed to start': backOff('log failed, ', 10_170),
    due: 'restarting, restart 1',
    refused: 'backing-off until 10050',
    gone: removed,
  },
  restarting: {
    created: 'new, no-timer',
    'running, as known': 'running, no-timer, log started',
    'running, new life by hand': 'running, no-timer, log started',
    'running, new life by policy': 'running, no-timer, log started, restarted',
    paused: 'paused, no-timer, log started',
    'ended, as known': 'restarting',
    'ended, new end by policy': backOff('log ended, ', 10_160),
    'ended, new end by hand': backOff('log ended, ', 10_060),
    'ended, stopped by the user': byUser,
    'failed to start': backOff('log failed, ', 10_170),
    due: 'restarting',
    refused: 'backing-off until 10200, log restart-refused, timer 10200',
    gone: removed,
  },
  over: {
    created: 'new, no-timer',
    'running, as known': 'running, no-timer, log started',
    'running, new life by hand': 'running, no-timer, log started',
    'running, new life by policy': 'running, no-timer, log started',
    paused: 'paused, no-timer, log started',
    'ended, as known': 'over (completed)',
    'ended, new end by policy': backOff('log ended, ', 10_060),
    'ended, new end by hand': backOff('log ended, ', 10_060),
    'ended, stopped by the user': 'over (completed)',
    'failed to start': 'over (cannot-start), log failed, no-timer, log left',
    due: 'over (completed)',
    refused: 'over (completed)',
    gone: removed,
  },
};

describe('every event in every state', () => {
  for (const [stateName, state] of Object.entries(states)) {
    for (const [eventName, event] of Object.entries(events)) {
      test(`${stateName}: ${eventName}`, () => {
        expect(summary(stepLife(state, event, { now, policy: always }))).toBe(table[stateName]?.[eventName]);
      });
    }
  }
});

test('a restart is counted from the end: who comes late does not wait again', () => {
  const late = stepLife(newLife, seen(exitedAt(9000)), { now, policy: always });
  expect(late.state).toMatchObject({ kind: 'backing-off', dueAtMs: now });
});

test('a clock that was set back or forth neither stretches nor skips a delay', () => {
  const back = stepLife(newLife, seen(exitedAt(now + 3_600_000)), { now, policy: always });
  expect(back.state).toMatchObject({ kind: 'backing-off', dueAtMs: now + 100 });
});

test('a start by hand makes everything good again', () => {
  const worn: Life = {
    kind: 'over',
    endedAtMs: 1,
    reason: 'attempts-used-up',
    history: { attempts: 5, streak: 9, endsAtMs: [] },
  };
  const { state } = stepLife(worn, seen(runningAt(9990)), { now, policy: always });
  expect(state.history).toEqual(freshHistory);
});

test('a supervisor that comes in the middle knows of the restarts before it', () => {
  const limited: RestartPolicy = { condition: 'on-failure', maxAttempts: 3 };
  const { state } = stepLife(newLife, seen(runningAt(9990), { restarts: 3 }, limited), { now, policy: limited });
  expect(summary(stepLife(state, seen(exitedAt(9995), { restarts: 3 }, limited), { now, policy: limited }))).toContain(
    'attempts-used-up',
  );
});

describe('a supervisor that comes after one that died', () => {
  const line = (entry: object, atMs = 0): LogLine =>
    ({ ...entry, atMs, container: 'shop-web-1' as ContainerName }) as LogLine;
  const started = (startedAtMs: number, restarts: number) => line({ kind: 'started', startedAtMs, restarts });
  const ended = (endedAtMs: number, lifeMs = 50, stoppedByUser = false) =>
    line({ kind: 'ended', endedAtMs, startedAtMs: endedAtMs - lifeMs, exitCode: 1, oomKilled: false, stoppedByUser });
  const restore = (...lines: LogLine[]) => restoreLife(lines, { now, policy: always });

  test('goes on where the back-off was', () => {
    const { state, effects } = restore(started(9000, 0), ended(9100), started(9200, 1), ended(9950));
    expect(state).toMatchObject({ kind: 'backing-off', endedAtMs: 9950, attempt: 2, dueAtMs: 10_150 });
    expect(effects).toEqual([{ kind: 'timer', atMs: 10_150 }]);
  });

  test('does not log or restart what is running', () => {
    const { state } = restore(started(9000, 0));
    expect(stepLife(state, seen(runningAt(9000)), { now, policy: always }).effects).toEqual([]);
  });

  test('leaves alone what was left alone', () => {
    expect(restore(started(9000, 0), ended(9950, 50, true)).state).toMatchObject({
      kind: 'over',
      reason: 'stopped-by-user',
    });
    const left = restore(started(9000, 0), ended(9950), line({ kind: 'left', reason: 'stopped-by-user' }));
    expect(left.state).toMatchObject({ kind: 'over', reason: 'stopped-by-user' });
  });

  test('leaves alone what was given up, also when the log does not tell of it any more', () => {
    const limited: RestartPolicy = { condition: 'on-failure', maxAttempts: 3 };
    const event = seen(exitedAt(9950), { restarts: 3, givenUp: 'attempts-used-up' }, limited);
    const step = stepLife(newLife, event, { now, policy: limited });
    expect(summary(step)).toBe('over (attempts-used-up), log ended, no-timer, log left');
  });

  test('forgets what was removed', () => {
    expect(restore(started(9000, 0), ended(9950), line({ kind: 'removed' })).state).toEqual(newLife);
  });

  test('a clock that was set back does not make it wait for hours', () => {
    expect(restore(started(9000, 0), ended(now + 3_600_000)).effects).toEqual([{ kind: 'timer', atMs: now + 60_000 }]);
  });
});
