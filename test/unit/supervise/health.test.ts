import { describe, expect, test } from 'vitest';
import type { Health, ProbeResult } from '../../../src/model/state.ts';
import type { Millis } from '../../../src/model/units.ts';
import {
  beginHealth,
  type CheckTimes,
  type HealthEffect,
  type HealthEvent,
  type HealthState,
  type HealthStep,
  stepHealth,
} from '../../../src/supervise/health.ts';

const ms = (value: number): Millis => value as Millis;
const plain: CheckTimes = {
  early: { firstMs: 100, factor: 2 },
  intervalMs: ms(1000),
  timeoutMs: ms(500),
  retries: 2,
  startPeriodMs: ms(0),
  startIntervalMs: ms(5000),
};

/** Plays one life: each probe takes 10 ms and ends as the list says; tells when probes began and what became of the health. */
function play(
  check: CheckTimes,
  codes: readonly (number | null)[],
  known?: Health,
): { probes: number[]; health: string[]; last: HealthState } {
  let clock = 0;
  let { state, effects }: HealthStep = beginHealth(check, { startedAtMs: 0, now: 0, known });
  const probes: number[] = [];
  const health: string[] = [];
  for (const exitCode of codes) {
    const timer = effects.find((effect): effect is Extract<HealthEffect, { kind: 'timer' }> => effect.kind === 'timer');
    clock = timer?.atMs ?? Number.NaN;
    probes.push(clock);
    state = stepHealth(state, { kind: 'due' }, { now: clock, check }).state;
    const result = { startedAtMs: clock, finishedAtMs: clock + 10, exitCode, output: '' };
    clock += 10;
    ({ state, effects } = stepHealth(state, { kind: 'result', result }, { now: clock, check }));
    for (const effect of effects) if (effect.kind === 'became') health.push(`${effect.health} at ${clock}`);
  }
  return { probes, health, last: state };
}

test('a service that is ready early is healthy early', () => {
  expect(play(plain, [1, 1, 0, 0])).toMatchObject({ probes: [100, 310, 720, 1730], health: ['healthy at 730'] });
});

test('early failures do not count; the first that does comes one interval after the start, as in Docker', () => {
  const { probes, health, last } = play(plain, [1, 1, 1, 1, 1]);
  expect(probes).toEqual([100, 310, 720, 1000, 2010]);
  expect(health).toEqual(['unhealthy at 2020']);
  expect(last.failingStreak).toBe(2);
});

test('an interval lies between the end of one probe and the start of the next', () => {
  expect(play(plain, [0, 0, 0]).probes).toEqual([100, 1110, 2120]);
});

test('a success in between begins the count anew, and heals', () => {
  expect(play({ ...plain, intervalMs: ms(50) }, [1, 0, 1, 1, 0]).health).toEqual([
    'healthy at 120',
    'unhealthy at 240',
    'healthy at 300',
  ]);
});

test('no answer in time is a failure', () => {
  expect(play({ ...plain, intervalMs: ms(50), retries: 1 }, [null]).health).toEqual(['unhealthy at 60']);
});

test('in the start period failures do not count and start_interval sets the pace', () => {
  const check = { ...plain, startPeriodMs: ms(1000), startIntervalMs: ms(200), intervalMs: ms(5000) };
  const { probes, health } = play(check, [1, 1, 1, 1, 1, 1, 1]);
  expect(probes).toEqual([100, 200, 410, 620, 830, 1040, 6050]);
  expect(health).toEqual(['unhealthy at 6060']);
});

test('the first success ends the start period at once', () => {
  const check = { ...plain, startPeriodMs: ms(60_000), startIntervalMs: ms(100), intervalMs: ms(300), retries: 1 };
  expect(play(check, [0, 1])).toMatchObject({ probes: [100, 410], health: ['healthy at 110', 'unhealthy at 420'] });
});

test('only the last five results are kept, and of their output the first 4096 characters', () => {
  const { last } = play({ ...plain, intervalMs: ms(10) }, [0, 0, 0, 0, 0, 0, 0]);
  expect(last.results).toHaveLength(5);
  const due = stepHealth(last, { kind: 'due' }, { now: 0, check: plain });
  const result: ProbeResult = { startedAtMs: 0, finishedAtMs: 1, exitCode: 0, output: 'x'.repeat(5000) };
  expect(
    stepHealth(due.state, { kind: 'result', result }, { now: 1, check: plain }).state.results.at(-1)?.output,
  ).toHaveLength(4096);
});

test('a supervisor that comes later goes on from the health it finds', () => {
  expect(play(plain, [1, 1], 'healthy')).toMatchObject({ probes: [1000, 2010], health: ['unhealthy at 2020'] });
  expect(play(plain, [0], 'unhealthy').health).toEqual(['healthy at 1010']);
});

describe('every event in every mode', () => {
  const base: Omit<HealthState, 'mode'> = {
    health: 'healthy',
    failingStreak: 0,
    results: [],
    startedAtMs: 0,
    succeeded: true,
  };
  const modes: Record<string, HealthState['mode']> = {
    waiting: { kind: 'waiting', dueAtMs: 5000 },
    probing: { kind: 'probing' },
    suspended: { kind: 'suspended' },
  };
  const result: ProbeResult = { startedAtMs: 4990, finishedAtMs: 5000, exitCode: 1, output: 'no' };
  const events: readonly HealthEvent[] = [
    { kind: 'due' },
    { kind: 'result', result },
    { kind: 'paused' },
    { kind: 'resumed' },
  ];
  const expected: Record<string, Record<string, string>> = {
    waiting: { due: 'probing: probe', result: 'waiting: ', paused: 'suspended: no-timer', resumed: 'waiting: ' },
    probing: {
      due: 'probing: ',
      result: 'waiting: record, timer',
      paused: 'suspended: cancel-probe',
      resumed: 'probing: ',
    },
    suspended: { due: 'suspended: ', result: 'suspended: ', paused: 'suspended: ', resumed: 'waiting: timer' },
  };
  for (const [name, mode] of Object.entries(modes)) {
    for (const event of events) {
      test(`${name}: ${event.kind}`, () => {
        const { state, effects } = stepHealth({ ...base, mode }, event, { now: 5000, check: plain });
        expect(`${state.mode.kind}: ${effects.map(({ kind }) => kind).join(', ')}`).toBe(expected[name]?.[event.kind]);
      });
    }
  }
});
