import { expect, test } from 'vitest';
import { type ApplyOptions, applyPlan } from '../../../src/apply/apply.ts';
import type { Event, RuntimeFailure } from '../../../src/model/event.ts';
import type { Action, Plan } from '../../../src/model/plan.ts';
import { planDown } from '../../../src/plan/down.ts';
import { reconcile } from '../../../src/plan/reconcile.ts';
import type { Session } from '../../../src/runtime/runtime.ts';
import { compare, desiredState, exited, nothing, observedState } from '../../support/builders.ts';
import { FakeRuntime } from '../../support/fake-runtime.ts';

const refusal: RuntimeFailure = { code: 'io', message: 'cannot write the record', notes: [] };
const isAbout =
  (kind: Action['kind'], name: string) =>
  (action: Action): RuntimeFailure | undefined =>
    action.kind === kind && 'container' in action && JSON.stringify(action.container).includes(name)
      ? refusal
      : undefined;

async function sessionOf(machine: FakeRuntime): Promise<Session> {
  const opened = await machine.open();
  if (!opened.ok) throw new Error('the fake machine opens');
  return opened.value;
}

async function apply(plan: Plan, machine: FakeRuntime, rest: Partial<ApplyOptions> = {}) {
  const lines: string[] = [];
  const onEvent = (event: Event): void => {
    rest.onEvent?.(event);
    lines.push(describe(event));
  };
  let time = 0;
  const options = { signal: new AbortController().signal, now: () => ++time, ...rest, onEvent };
  const applied = await applyPlan(plan, await sessionOf(machine), options);
  return { applied, lines };
}

function describe(event: Event): string {
  if (event.kind === 'warning') return `warning: ${event.message}`;
  if (event.kind === 'lock-wait') return event.holder;
  return `${event.kind.slice(5)} ${event.step.id}${event.kind === 'step-skipped' ? `: ${event.because}` : ''}`;
}

const chain = desiredState([
  { name: 'web', needs: ['api'] },
  { name: 'api', needs: ['db'] },
  { name: 'db' },
  { name: 'mail' },
]);
const up = (desired = chain): Plan => reconcile(desired, nothing, { compare });

test('a step starts as soon as all before it are done, and each is heard of twice', async () => {
  const { applied, lines } = await apply(
    up(desiredState([{ name: 'web', needs: ['db'] }, { name: 'db' }])),
    new FakeRuntime(nothing),
  );
  expect(lines).toEqual([
    'started create shop-db-1',
    'started create shop-web-1',
    'done create shop-db-1',
    'started start shop-db-1',
    'done create shop-web-1',
    'done start shop-db-1',
    'started start shop-web-1',
    'done start shop-web-1',
  ]);
  expect(applied).toMatchObject({ failed: [], skipped: [] });
});

test('steps that are ready together are asked for in one go, so that the runtime can make a batch of them', async () => {
  const machine = new FakeRuntime(nothing);
  let mostAtOnce = 0;
  let inFlight = 0;
  machine.delay = async () => {
    mostAtOnce = Math.max(mostAtOnce, ++inFlight);
    await Promise.resolve();
    inFlight--;
  };
  await apply(up(desiredState(Array.from({ length: 20 }, (_, index) => ({ name: `s${index}` })))), machine);
  expect(mostAtOnce).toBe(20);
});

test('the first failure ends the plan: what runs is finished, nothing new begins', async () => {
  const machine = new FakeRuntime(nothing);
  machine.failure = isAbout('start', 'db');
  const { applied, lines } = await apply(up(), machine);
  expect(applied.failed.map(({ step, failure }) => [step.id, failure])).toEqual([['start shop-db-1', refusal]]);
  expect(lines.filter((line) => line.startsWith('skipped'))).toEqual([
    'skipped start shop-api-1: "start shop-db-1" did not succeed',
    'skipped start shop-web-1: "start shop-db-1" did not succeed',
  ]);
  expect(machine.performed).not.toContain('start shop-api-1');
  expect(machine.state.containers).toHaveLength(4);
});

test('taking down goes on after a failure with all that does not come after it', async () => {
  const machine = new FakeRuntime(observedState(chain));
  machine.failure = isAbout('stop', 'mail');
  const { applied } = await apply(planDown(machine.state), machine, { onFailure: 'continue' });
  expect(applied.skipped.map(({ id }) => id)).toEqual(['remove shop-mail-1']);
  expect(machine.state.containers.map(({ name }) => name)).toEqual(['shop-mail-1']);
});

test('a wait that fails for a dependency that is not required is a warning', async () => {
  const desired = (optional: string) =>
    desiredState([{ name: 'web', needs: [`migrate completed successfully${optional}`] }, { name: 'migrate' }]);
  const machine = new FakeRuntime(nothing);
  machine.program = ({ service }) => (service === 'migrate' ? { exit: 3 } : 'run');
  const { applied, lines } = await apply(up(desired('+optional')), machine);
  expect(lines).toContain('warning: shop-migrate-1 ended with 3');
  expect(applied.failed).toEqual([]);
  expect(machine.container('shop-web-1').status.kind).toBe('running');

  const strict = new FakeRuntime(nothing);
  strict.program = machine.program;
  const refused = await apply(up(desired('')), strict);
  expect(refused.applied.failed[0]?.failure.code).toBe('dependency-failed');
  expect(strict.container('shop-web-1').status.kind).toBe('created');
});

test('when the user interrupts, waits end and nothing new begins', async () => {
  const desired = desiredState([{ name: 'web', needs: ['migrate completed'] }, { name: 'migrate' }]);
  const abort = new AbortController();
  const onEvent = (event: Event): void => {
    if (event.kind === 'step-started' && event.step.action.kind === 'wait') setImmediate(() => abort.abort());
  };
  const { applied, lines } = await apply(up(desired), new FakeRuntime(nothing), { signal: abort.signal, onEvent });
  expect(applied.failed[0]?.failure.code).toBe('interrupted');
  expect(lines.at(-1)).toBe('skipped start shop-web-1: interrupted');
});

test('an interrupted wait for an optional dependency does not let its dependents go on', async () => {
  const desired = desiredState([{ name: 'web', needs: ['migrate completed+optional'] }, { name: 'migrate' }]);
  const abort = new AbortController();
  const machine = new FakeRuntime(nothing);
  const onEvent = (event: Event): void => {
    if (event.kind === 'step-started' && event.step.action.kind === 'wait') setImmediate(() => abort.abort());
  };
  await apply(up(desired), machine, { signal: abort.signal, onEvent });
  expect(machine.container('shop-web-1').status.kind).toBe('created');
});

test('a failure ends waits that would go on for ever', async () => {
  const desired = desiredState([{ name: 'web', needs: ['migrate completed'] }, { name: 'migrate' }, { name: 'zoo' }]);
  const machine = new FakeRuntime(nothing);
  machine.delay = (action) =>
    action.kind === 'start' && action.container.includes('zoo')
      ? new Promise((resolve) => setImmediate(resolve))
      : Promise.resolve();
  machine.failure = isAbout('start', 'zoo');
  const { applied } = await apply(up(desired), machine);
  expect(applied.failed.map(({ step }) => step.id)).toEqual(['start shop-zoo-1', 'wait shop-migrate-1 completed']);
});

test('a bug of ours is thrown, after the other branches have come to their end', async () => {
  const machine = new FakeRuntime(
    observedState(desiredState([{ name: 'web' }]), { 'shop-web-1': { status: exited(0) } }),
  );
  const plan = up(desiredState([{ name: 'web' }, { name: 'zoo' }]));
  await expect(apply(plan, machine)).rejects.toThrow(
    'law of the machine: there is one container with the name shop-web-1',
  );
  expect(machine.container('shop-zoo-1').status.kind).toBe('created');
});

test('a plan whose steps point forwards is a bug of ours', async () => {
  const plan = up(desiredState([{ name: 'web' }]));
  await expect(apply({ steps: [...plan.steps].reverse() }, new FakeRuntime(nothing))).rejects.toThrow(
    '"create shop-web-1" stands before "start shop-web-1" in the plan',
  );
});

test('an empty plan does nothing', async () => {
  const { applied, lines } = await apply({ steps: [] }, new FakeRuntime(nothing));
  expect([applied, lines]).toEqual([{ done: [], failed: [], skipped: [] }, []]);
});
