import { expect, test } from 'vitest';
import { advance, mostUrgent, type Row, rowsOf, timeOf } from '../../../../src/cli/render/board.ts';
import type { Event, RuntimeFailure } from '../../../../src/model/event.ts';
import type { Action, Cause, Step } from '../../../../src/model/plan.ts';
import type { ContainerName, Millis, SignalName } from '../../../../src/model/units.ts';

const web = 'shop-web-1' as ContainerName;
const stopAction: Action = { kind: 'stop', container: web, signal: 'SIGTERM' as SignalName, graceMs: 10 as Millis };
const startAction: Action = { kind: 'start', container: web };

const step = (action: Action, cause: Cause = { kind: 'requested' }): Step => ({
  id: `${action.kind} x`,
  action,
  cause,
  after: [],
});
const failure: RuntimeFailure = { code: 'io', message: 'cannot do it', notes: [] };

function play(steps: readonly Step[], events: readonly Extract<Event, { step: Step }>[]): Row {
  const row = rowsOf({ steps }).get('shop-web-1');
  return events.reduce(advance, row!);
}

test('a plan has one row for each container, volume and network, in the order of the plan', () => {
  const steps = [step(stopAction), step({ kind: 'remove-volume', name: 'shop_data' }), step(startAction)];
  const rows = [...rowsOf({ steps }).values()];
  expect(rows.map(({ subject, left, state }) => [subject, left, state])).toEqual([
    ['shop-web-1', 2, 'waiting'],
    ['volume shop_data', 1, 'waiting'],
  ]);
});

test('a row is done when its last step is done, and its time runs from its first', () => {
  const steps = [step(stopAction), step(startAction)];
  const events = [
    { kind: 'step-started', step: steps[0]!, atMs: 1000 },
    { kind: 'step-done', step: steps[0]!, atMs: 2000 },
  ] as const;
  const half = play(steps, events);
  expect(half).toMatchObject({ state: 'active', text: 'stopped', left: 1 });
  expect(timeOf(half, 2500)).toBe('1.5s');
  const whole = play(steps, [
    ...events,
    { kind: 'step-started', step: steps[1]!, atMs: 2600 },
    { kind: 'step-done', step: steps[1]!, atMs: 3000 },
  ]);
  expect(whole).toMatchObject({ state: 'done', text: 'started', left: 0 });
  expect(timeOf(whole, 99_000)).toBe('2.0s');
});

test('what has failed stays failed, whatever happens to it later', () => {
  const steps = [step(stopAction), step(startAction)];
  const row = play(steps, [
    { kind: 'step-started', step: steps[0]!, atMs: 0 },
    { kind: 'step-failed', step: steps[0]!, failure, atMs: 5 },
    { kind: 'step-skipped', step: steps[1]!, because: '"stop x" did not succeed' },
  ]);
  expect(row).toMatchObject({ state: 'failed', text: 'cannot do it', left: 0 });
});

test('the reason of the first step is remembered, unless it goes without saying', () => {
  const changes = [{ path: 'environment.PORT', from: '80', to: '81' }];
  const cause: Cause = { kind: 'changed', changes };
  const row = play([step(stopAction, cause)], [{ kind: 'step-started', step: step(stopAction, cause), atMs: 0 }]);
  expect(row.reason).toContain('environment.PORT');
  const plain = play([step(startAction)], [{ kind: 'step-started', step: step(startAction), atMs: 0 }]);
  expect(plain.reason).toBeUndefined();
});

test('when there is no room for all, what has failed and what is going on stays', () => {
  const states = ['done', 'active', 'waiting', 'failed', 'done', 'active'] as const;
  const rows = states.map((state, at): Row => ({ subject: `${at}`, state, text: '', left: 0 }));
  expect(mostUrgent(rows, 3).map(({ subject }) => subject)).toEqual(['1', '3', '5']);
  expect(mostUrgent(rows, 10)).toBe(rows);
  expect(mostUrgent(rows, 0)).toEqual([]);
});
