import { expect, test } from 'vitest';
import type { UpdatePolicy } from '../../../src/model/project.ts';
import type { DesiredState } from '../../../src/model/state.ts';
import { formatPlan, formatSteps } from '../../../src/plan/format.ts';
import { reconcile } from '../../../src/plan/reconcile.ts';
import { compare, desiredState, observedState, type ServiceSketch } from '../../support/builders.ts';

const policy = (changes: object = {}): UpdatePolicy => ({
  order: 'stop-first',
  parallelism: 1,
  delayMs: 0 as never,
  monitorMs: 5000 as never,
  failureAction: 'pause',
  ...changes,
});

const stackOf = (PORT: string, update: UpdatePolicy, sketch: Partial<ServiceSketch> = {}): DesiredState => {
  const { config, ...rest } = sketch;
  const web = { name: 'web', replicas: 2, config: { environment: { PORT }, ...config }, ...rest };
  const plain = desiredState([web, { name: 'db' }]);
  const updated = plain.containers.map((each) => (each.service === 'web' ? { ...each, update } : each));
  return { ...plain, containers: updated };
};
const update = (one: DesiredState, other: DesiredState) => reconcile(other, observedState(one), { compare });
const causes = /\(environment\.PORT 1 → 2\)/g;
const steps = (...args: Parameters<typeof update>) => `\n${formatSteps(update(...args)).replace(causes, '(changed)')}`;

test('stop-first replaces one after the other, each when the one before has proved itself', () => {
  expect(steps(stackOf('1', policy()), stackOf('2', policy()))).toBe(`
stop shop-web-1 (makes room for shop-web-1)
remove shop-web-1 (makes room for shop-web-1) after stop shop-web-1
create shop-web-1 (changed) after remove shop-web-1
start shop-web-1 (changed) after create shop-web-1
prove shop-web-1 (changed) after start shop-web-1
stop shop-web-2 (makes room for shop-web-2) after prove shop-web-1
remove shop-web-2 (makes room for shop-web-2) after prove shop-web-1, stop shop-web-2
create shop-web-2 (changed) after prove shop-web-1, remove shop-web-2
start shop-web-2 (changed) after create shop-web-2
prove shop-web-2 (changed) after start shop-web-2
`);
});

test('start-first puts the new one beside the old one, under the next number', () => {
  const startFirst = policy({ order: 'start-first' });
  expect(steps(stackOf('1', startFirst, { replicas: 1 }), stackOf('2', startFirst, { replicas: 1 }))).toBe(`
create shop-web-2 (changed)
start shop-web-2 (changed) after create shop-web-2
prove shop-web-2 (changed) after start shop-web-2
stop shop-web-1 (makes room for shop-web-2) after prove shop-web-2
remove shop-web-1 (makes room for shop-web-2) after prove shop-web-2, stop shop-web-1
`);
});

test('start-first becomes stop-first where there is room for one only', () => {
  const startFirst = policy({ order: 'start-first' });
  const port = { published: { first: 80, last: 80 }, target: 80, protocol: 'tcp' } as const;
  const anonymous = { kind: 'volume', target: '/data' as never, readOnly: false, noCopy: false } as const;
  for (const sketch of [
    { containerName: 'fixed' },
    { config: { ports: [port] } },
    { config: { mounts: [anonymous] } },
  ]) {
    const one = {
      replicas: 1,
      ...sketch,
      config: { environment: { PORT: '1' }, ...(sketch as Partial<ServiceSketch>).config },
    };
    const two = { ...one, config: { ...one.config, environment: { PORT: '2' } } };
    const ids = update(stackOf('1', startFirst, one), stackOf('2', startFirst, two)).steps.map(({ id }) => id);
    expect(ids[0]).toMatch(/^stop /);
    expect(ids.at(-1)).toMatch(/^prove /);
  }
});

test('a group of parallelism goes at once, and delay makes the proof longer', () => {
  const twoAtOnce = policy({ parallelism: 2, delayMs: 9000 });
  const plan = update(stackOf('1', twoAtOnce, { replicas: 3 }), stackOf('2', twoAtOnce, { replicas: 3 }));
  const after = Object.fromEntries(plan.steps.map((step) => [step.id, step.after]));
  expect(after['stop shop-web-2']).toEqual([]);
  expect(after['stop shop-web-3']).toEqual(['prove shop-web-1', 'prove shop-web-2']);
  const proof = plan.steps.find(({ id }) => id === 'prove shop-web-1')?.action;
  expect(proof).toMatchObject({ forMs: 9000, required: true });
});

test('with failure_action continue a proof may fail', () => {
  const going = policy({ failureAction: 'continue' });
  const plan = update(stackOf('1', going), stackOf('2', going));
  expect(plan.steps.find(({ id }) => id === 'prove shop-web-1')?.action).toMatchObject({ required: false });
});

test('all make way at once when a dependent has to stop with them', () => {
  const withFollower = (PORT: string): DesiredState => {
    const stack = stackOf(PORT, policy());
    const follower = desiredState([{ name: 'app', needs: ['web+restart'] }]).containers;
    return { ...stack, services: [...stack.services, 'app' as never], containers: [...stack.containers, ...follower] };
  };
  const plan = update(withFollower('1'), withFollower('2'));
  expect(plan.steps.find(({ id }) => id === 'stop shop-web-2')?.after).toEqual(['stop shop-app-1']);
});

test('the plan for people names each container once', () => {
  expect(formatPlan(update(stackOf('1', policy()), stackOf('2', policy())))).toBe(
    'recreate shop-web-1: environment.PORT 1 → 2\nrecreate shop-web-2: environment.PORT 1 → 2\n',
  );
});
