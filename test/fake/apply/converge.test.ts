import { expect, test } from 'vitest';
import { converge } from '../../../src/apply/converge.ts';
import type { RuntimeFailure } from '../../../src/model/event.ts';
import type { DesiredState } from '../../../src/model/state.ts';
import type { Millis } from '../../../src/model/units.ts';
import { formatPlan } from '../../../src/plan/format.ts';
import { reconcile } from '../../../src/plan/reconcile.ts';
import { compare, desiredState, nothing, observedState } from '../../support/builders.ts';
import { FakeRuntime } from '../../support/fake-runtime.ts';

async function up(
  machine: FakeRuntime,
  desired: DesiredState,
  { force = false, signal = new AbortController().signal }: { force?: boolean; signal?: AbortSignal } = {},
) {
  const opened = await machine.open();
  if (!opened.ok) throw new Error('the fake machine opens');
  const plans: string[] = [];
  const result = await converge(opened.value, {
    plan: (observed, settled) =>
      reconcile(desired, observed, { compare, settled, recreate: force ? 'always' : 'changed' }),
    onPlan: (plan, round) => plans.push(`${round}: ${formatPlan(plan)}`),
    onEvent: () => {},
    signal,
    now: () => 0,
  });
  await opened.value.close();
  return { ...result, plans };
}

const web = desiredState([{ name: 'web' }]);

test('one round is enough when nothing interferes', async () => {
  const result = await up(new FakeRuntime(nothing), web);
  expect([result.outcome, result.plans]).toEqual(['converged', ['1: create shop-web-1: does not exist\n']]);
});

test('what is as wanted costs one look and no plan', async () => {
  const machine = new FakeRuntime(observedState(web));
  expect(await up(machine, web)).toMatchObject({ outcome: 'converged', rounds: [], plans: [] });
  expect(machine.performed).toEqual([]);
});

test('a one-shot that ends at once is run once, and forced containers are made once', async () => {
  const machine = new FakeRuntime(observedState(web));
  machine.program = () => ({ exit: 0 });
  const result = await up(machine, web, { force: true });
  expect(result.outcome).toBe('converged');
  expect(machine.performed.filter((id) => id === 'start shop-web-1')).toHaveLength(1);
});

test('what somebody else removes meanwhile is made again', async () => {
  const machine = new FakeRuntime(nothing);
  let interfered = false;
  machine.failure = (action) => {
    if (action.kind === 'start' && action.container === 'shop-b-1' && !interfered) {
      interfered = true;
      machine.vanish('shop-a-1');
    }
    return undefined;
  };
  const result = await up(machine, desiredState([{ name: 'a' }, { name: 'b', needs: ['a'] }]));
  expect([result.outcome, result.plans[1]]).toEqual(['converged', '2: create shop-a-1: does not exist\n']);
});

test('after three rounds it is said what still differs', async () => {
  const machine = new FakeRuntime(nothing);
  machine.failure = (action) => {
    if (action.kind === 'start' && action.container === 'shop-b-1') queueMicrotask(() => machine.vanish('shop-b-1'));
    return undefined;
  };
  const result = await up(machine, desiredState([{ name: 'b' }]));
  expect([result.outcome, result.rounds.length, formatPlan(result.remaining)]).toEqual([
    'unsettled',
    3,
    'create shop-b-1: does not exist\n',
  ]);
});

test('after a failure there is no further round, and what is left is known', async () => {
  const refusal: RuntimeFailure = { code: 'command-not-found', message: 'cannot find /bin/app', notes: [] };
  const machine = new FakeRuntime(nothing);
  machine.program = () => ({ refuse: refusal });
  const result = await up(machine, web);
  expect(result).toMatchObject({ outcome: 'failed', plans: { length: 1 } });
  expect(formatPlan(result.remaining)).toBe('start shop-web-1: could not be started\n');
  machine.program = () => 'run';
  expect((await up(machine, web)).outcome).toBe('converged');
});

const hook = { argv: ['/bin/hook'], privileged: false, environment: {} };
const hooked = desiredState([
  { name: 'web', config: { hooks: { preStart: [], postStart: [hook, hook], preStop: [], postStop: [] } } },
]);
const refusal: RuntimeFailure = { code: 'io', message: 'cannot run it', notes: [] };

test('a failure counts even when nothing is left to do', async () => {
  const machine = new FakeRuntime(observedState(web));
  machine.failure = ({ kind }) => (kind === 'prove' ? refusal : undefined);
  const changed = desiredState([{ name: 'web', config: { environment: { PORT: '2' } } }]);
  const times = { parallelism: 0, delayMs: 0 as Millis, monitorMs: 0 as Millis };
  const update = { ...times, order: 'stop-first', failureAction: 'pause' } as const;
  const containers = changed.containers.map((container) => ({ ...container, update }));
  const result = await up(machine, { ...changed, containers });
  expect([result.outcome, result.remaining.steps]).toEqual(['failed', []]);
});

test('hooks after a start that were not run, or failed, are left for the next time, and the start is not', async () => {
  const machine = new FakeRuntime(nothing);
  machine.failure = ({ kind }) => (kind === 'hook' ? refusal : undefined);
  const result = await up(machine, hooked);
  expect([result.outcome, formatPlan(result.remaining)]).toEqual([
    'failed',
    'run post-start hook of shop-web-1: not done since its start\n'.repeat(2),
  ]);
  machine.failure = () => undefined;
  expect((await up(machine, hooked)).outcome).toBe('converged');
  expect(machine.performed.filter((step) => step.startsWith('start '))).toHaveLength(1);
});

test('an interruption before anything was done does nothing', async () => {
  const machine = new FakeRuntime(nothing);
  expect((await up(machine, web, { signal: AbortSignal.abort() })).outcome).toBe('interrupted');
  expect(machine.performed).toEqual([]);
});

test('two commands at once take turns', async () => {
  const machine = new FakeRuntime(nothing);
  machine.delay = () => new Promise((resolve) => setImmediate(resolve));
  const [first, second] = await Promise.all([up(machine, web), up(machine, web)]);
  expect([first.outcome, first.rounds.length, second.outcome, second.rounds.length]).toEqual([
    'converged',
    1,
    'converged',
    0,
  ]);
});
