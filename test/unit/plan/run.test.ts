import { expect, test } from 'vitest';
import type { Plan } from '../../../src/model/plan.ts';
import type { ObservedState } from '../../../src/model/state.ts';
import type { ContainerName } from '../../../src/model/units.ts';
import { planDown } from '../../../src/plan/down.ts';
import { formatSteps } from '../../../src/plan/format.ts';
import { reconcile } from '../../../src/plan/reconcile.ts';
import { planOneOffEnd, planRun } from '../../../src/plan/run.ts';
import { attach, compare, desiredState, network, nothing, observedState, running } from '../../support/builders.ts';

const text = (plan: Plan): string => `\n${formatSteps(plan)}`;

const stack = desiredState(
  [
    { name: 'web', needs: ['api healthy'], config: { networks: [attach('front')] } },
    { name: 'api', config: { networks: [attach('front')] } },
    { name: 'proxy', needs: ['web+restart'], config: { networks: [attach('front')] } },
  ],
  { networks: [network('front')] },
);
const web = stack.containers.find(({ service }) => service === 'web');
if (web === undefined) throw new Error('no web');
const container = { ...web, name: 'shop-web-run-1' as ContainerName, number: 0 };
const oneOff = { mode: 'attached', remove: true } as const;
const options = { compare, container, oneOff, dependencies: 'follow', removeOrphans: false } as const;

test('a run starts what its service needs, waits for it, and then makes the one-off, which the plan marks as such', () => {
  const plan = planRun(stack, nothing, options);
  expect(text(plan)).toBe(`
create network shop_front (does not exist)
create shop-api-1 (does not exist) after create network shop_front
create shop-web-run-1 (does not exist) after create network shop_front
start shop-api-1 (does not exist) after create shop-api-1
wait shop-api-1 healthy (shop-web-run-1 depends on it) after start shop-api-1
start shop-web-run-1 (does not exist) after create shop-web-run-1, wait shop-api-1 healthy
`);
  const marked = plan.steps.filter(({ action }) => action.kind === 'create' && action.oneOff !== undefined);
  expect(marked.map(({ id }) => id)).toEqual(['create shop-web-run-1']);
});

test('a run touches neither replicas nor dependents of its service, and keeps what it needs even if that has changed', () => {
  const changed = desiredState(
    [
      { name: 'web', needs: ['api'], config: { networks: [attach('front')] } },
      { name: 'api', config: { networks: [attach('front')], argv: ['another'] } },
      { name: 'proxy', needs: ['web+restart'], config: { networks: [attach('front')] } },
    ],
    { networks: [network('front', { internal: true })] },
  );
  const ids = planRun(changed, observedState(stack), options).steps.map(({ id }) => id);
  expect(ids.filter((id) => !id.startsWith('wait'))).toEqual(['create shop-web-run-1', 'start shop-web-run-1']);
});

test('without dependencies only the one-off is made', () => {
  expect(text(planRun(stack, nothing, { ...options, dependencies: 'ignore' }))).toBe(`
create network shop_front (does not exist)
create shop-web-run-1 (does not exist) after create network shop_front
start shop-web-run-1 (does not exist) after create shop-web-run-1
`);
});

const machine = observedState(stack);
const template = machine.containers.find(({ service }) => service === 'web');
if (template === undefined) throw new Error('no web');
const left = { ...template, ...container, status: running, oneOff: { ...oneOff, abandoned: false } };
const after: ObservedState = { ...machine, oneOffs: [left] };

test('up sees no orphan and no replica in a one-off', () => {
  expect(reconcile(stack, after, { compare, removeOrphans: true }).steps).toEqual([]);
});

test('down takes one-offs along, before the network they use', () => {
  const ids = planDown(after, { desired: stack }).steps.map(({ id }) => id);
  expect(ids).toContain('stop shop-web-run-1');
  expect(ids.indexOf('remove shop-web-run-1')).toBeLessThan(ids.indexOf('remove network shop_front'));
});

test('at its end a one-off goes, or what is left running in it does', () => {
  const end = (remove: boolean) => text(planOneOffEnd(after, { container: left.name, remove }));
  expect(end(true)).toBe('\nremove shop-web-run-1 (requested)\n');
  expect(end(false)).toBe('\nstop shop-web-run-1 (requested)\n');
  expect(planOneOffEnd(machine, { container: left.name, remove: true }).steps).toEqual([]);
});
