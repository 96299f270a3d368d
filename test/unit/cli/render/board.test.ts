import { expect, test } from 'vitest';
import { Board, mostUrgent, type Row, statusOf, timeOf } from '../../../../src/cli/render/board.ts';
import type { Event, RuntimeFailure } from '../../../../src/model/event.ts';
import type { Action, Cause, Step } from '../../../../src/model/plan.ts';
import type { Dependency } from '../../../../src/model/project.ts';
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

type StepEvent = Extract<Event, { step: Step }>;

function play(steps: readonly Step[], events: readonly StepEvent[]): Row {
  const board = new Board();
  board.begin({ steps }, 0);
  for (const event of events) board.event(event);
  return board.rows().find(({ subject }) => subject === 'shop-web-1')!;
}

test('a plan has one row for each container, volume and network, in the order of the plan', () => {
  const board = new Board();
  board.begin({ steps: [step(stopAction), step({ kind: 'remove-volume', name: 'shop_data' }), step(startAction)] }, 0);
  expect(board.rows().map(({ subject, left, state }) => [subject, left, state])).toEqual([
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

const dependency = { service: 'db', condition: 'service_healthy', restart: false, required: true } as Dependency;
const db = 'shop-db-1' as ContainerName;
const startDb: Step = {
  id: 'start db',
  action: { kind: 'start', container: db },
  cause: { kind: 'missing' },
  after: [],
};
const waitDb: Step = {
  ...startDb,
  id: 'wait db',
  action: { kind: 'wait', container: db, dependency },
  after: ['start db'],
};
const stopWeb: Step = { ...startDb, id: 'stop web', action: stopAction };
const startWeb: Step = { ...startDb, id: 'start web', action: startAction, after: ['stop web', 'start db', 'wait db'] };

test('a row says what it waits for, and since when it has had nothing to do itself', () => {
  const steps = [startDb, waitDb, stopWeb, startWeb];
  const events: readonly StepEvent[] = [
    { kind: 'step-started', step: stopWeb, atMs: 1000 },
    { kind: 'step-started', step: startDb, atMs: 1000 },
    { kind: 'step-done', step: stopWeb, atMs: 2000 },
    { kind: 'step-done', step: startDb, atMs: 2500 },
    { kind: 'step-started', step: waitDb, atMs: 2500 },
  ];
  expect(statusOf(play(steps, events.slice(0, 1)), 1500)).toBe('stopping');
  expect(statusOf(play(steps, events.slice(0, 3)), 2100)).toBe('stopped, waiting 0.1s for shop-db-1 to be healthy');
  expect(statusOf(play(steps, events), 5200)).toBe('stopped, waiting 3.2s for shop-db-1 to be healthy');
  expect(statusOf(play([startDb, waitDb, startWeb], []), 700)).toBe('waiting 0.7s for shop-db-1 to be healthy');
  const over = [...events, { kind: 'step-done', step: waitDb, atMs: 6000 }] as const;
  expect(statusOf(play(steps, over), 6000)).toBe('stopped');
});

test('a later round goes on with the same rows, and settles what the earlier one left open', () => {
  const board = new Board();
  board.begin({ steps: [stopWeb, startDb] }, 0);
  board.event({ kind: 'step-started', step: stopWeb, atMs: 10 });
  board.event({ kind: 'step-done', step: stopWeb, atMs: 20 });
  board.begin({ steps: [startWeb] }, 30);
  expect(board.rows()).toMatchObject([
    { subject: 'shop-web-1', state: 'waiting', text: 'stopped', startedMs: 10, left: 1 },
  ]);
  board.begin({ steps: [startDb] }, 40);
  expect(board.rows()).toMatchObject([
    { subject: 'shop-web-1', state: 'done', left: 0 },
    { subject: 'shop-db-1', state: 'waiting' },
  ]);
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

test('what did not succeed and is put up with is not said to be done', () => {
  const row = play([step(startAction)], [{ kind: 'step-done', step: step(startAction), failure, atMs: 5 }]);
  expect(row.text).toBe('starting: did not succeed');
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
