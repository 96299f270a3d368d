import { expect, test } from 'vitest';
import type { Plan } from '../../../src/model/plan.ts';
import type { ContainerStatus, ObservedState } from '../../../src/model/state.ts';
import type { Millis, ServiceName, SignalName } from '../../../src/model/units.ts';
import { planDown } from '../../../src/plan/down.ts';
import { formatPlan, formatSteps } from '../../../src/plan/format.ts';
import { planLaggards } from '../../../src/plan/lagging.ts';
import { reconcile } from '../../../src/plan/reconcile.ts';
import { planRemove } from '../../../src/plan/remove.ts';
import { planDependentRestarts, planRestart } from '../../../src/plan/restart.ts';
import { planKill, planPause, planUnpause } from '../../../src/plan/signal.ts';
import { planStart } from '../../../src/plan/start.ts';
import { planStop } from '../../../src/plan/stop.ts';
import { planWait } from '../../../src/plan/wait.ts';
import { attach, desiredState, exited, network, observedState, running, volume } from '../../support/builders.ts';

const text = (plan: Plan): string => `\n${formatSteps(plan)}`;
const named = (...names: string[]): ServiceName[] => names as ServiceName[];
const mounting = (name: string) =>
  [{ kind: 'volume', volume: name, target: '/data' as never, readOnly: false, noCopy: false }] as const;

const stack = desiredState(
  [
    { name: 'web', needs: ['api+restart'], config: { networks: [attach('front')] } },
    { name: 'api', needs: ['db healthy'], config: { networks: [attach('front'), attach('back')] } },
    { name: 'db', config: { networks: [attach('back')], mounts: mounting('shop_data') } },
  ],
  { volumes: [volume('data')], networks: [network('front'), network('back')] },
);
const machine = observedState(stack);
const with_ = (changes: Parameters<typeof observedState>[1]): ObservedState => observedState(stack, changes);

test('down takes everything away, dependents first, networks when they are empty, and keeps volumes', () => {
  expect(text(planDown(machine, { desired: stack }))).toBe(`
stop shop-web-1 (requested)
stop shop-api-1 (requested) after stop shop-web-1
stop shop-db-1 (requested) after stop shop-api-1
remove shop-web-1 (requested) after stop shop-web-1
remove shop-api-1 (requested) after stop shop-api-1
remove shop-db-1 (requested) after stop shop-db-1
remove network shop_back (requested) after remove shop-api-1, remove shop-db-1
remove network shop_front (requested) after remove shop-web-1, remove shop-api-1
`);
});

test('down -v removes the volumes of the file, external and foreign ones excepted', () => {
  const desired = desiredState([{ name: 'db', config: { mounts: mounting('shop_data') } }], {
    volumes: [volume('data'), volume('ext', { external: true })],
  });
  const observed = {
    ...observedState(desired),
    volumes: ['shop_data', 'shop_ext', 'shop_older'].map((name) => ({ name, key: name.slice(5) })),
  };
  expect(text(planDown(observed, { desired, volumes: true }))).toBe(`
stop shop-db-1 (requested)
remove shop-db-1 (requested) after stop shop-db-1
remove volume shop_data (requested) after remove shop-db-1
`);
  const all = planDown(observed, { desired, volumes: true, removeOrphans: true });
  expect(formatPlan(all)).toContain('remove volume shop_older');
  expect(formatPlan(all)).not.toContain('shop_ext');
});

test('down leaves orphans, and what they use, unless they are to go', () => {
  const file = desiredState([{ name: 'web' }]);
  expect(formatPlan(planDown(machine, { desired: file }))).toBe('remove shop-web-1: requested\n');
  expect(formatPlan(planDown(machine, { desired: file, removeOrphans: true }))).toBe(
    'remove shop-web-1: requested\nremove shop-api-1: its service is not in the file\nremove shop-db-1: its service is not in the file\n' +
      'remove network shop_back: requested\nremove network shop_front: requested\n',
  );
});

test('down without a file takes everything of the project', () => {
  expect(planDown(machine, {}).steps.filter(({ action }) => action.kind === 'remove')).toHaveLength(3);
});

test('down of one service takes those that depend on it, and networks nobody else uses', () => {
  expect(text(planDown(machine, { desired: stack, services: named('web') }))).toBe(`
stop shop-web-1 (requested)
remove shop-web-1 (requested) after stop shop-web-1
`);
  expect(formatPlan(planDown(machine, { desired: stack, services: named('api') }))).toBe(
    'remove shop-web-1: requested\nremove shop-api-1: requested\nremove network shop_front: requested\n',
  );
});

test('stop stops exactly the chosen services and remembers that the user wanted it', () => {
  const plan = planStop(machine, { services: named('db', 'web'), graceMs: 5 as Millis });
  expect(text(plan)).toBe('\nstop shop-web-1 (requested)\nstop shop-db-1 (requested)\n');
  expect(plan.steps[0]?.action).toMatchObject({ byUser: true, graceMs: 5 });
});

test('that a container has lived before its next life is set up makes no plan another one', () => {
  const plans = (status: ContainerStatus) => {
    const observed = with_({ 'shop-api-1': { status }, 'shop-db-1': { status, restarts: 1 } });
    const options = { services: named('api') };
    const made = [planStart, planStop, planRestart, planDown, planPause].map((plan) => text(plan(observed, options)));
    return [...made, text(reconcile(stack, observed, { compare: () => [] }))];
  };
  expect(plans({ kind: 'created', again: true })).toEqual(plans({ kind: 'created' }));
});

test('stop also speaks to what has ended and may be restarted, once', () => {
  const restarting = desiredState([{ name: 'web', config: { restart: { condition: 'always' } } }]);
  const ended = { status: exited(1) };
  expect(text(planStop(observedState(restarting, { 'shop-web-1': ended })))).toBe('\nstop shop-web-1 (requested)\n');
  expect(text(planStop(observedState(restarting, { 'shop-web-1': { ...ended, stoppedByUser: true } })))).toBe('\n');
  expect(text(planStop(with_({ 'shop-web-1': ended, 'shop-api-1': ended, 'shop-db-1': ended })))).toBe('\n');
});

test('start brings up what does not run, with its dependencies and their conditions', () => {
  const observed = with_({ 'shop-web-1': { status: exited(0) }, 'shop-api-1': { status: exited(0) } });
  expect(text(planStart(observed, { services: named('api') }))).toBe(`
wait shop-db-1 healthy (shop-api-1 depends on it)
start shop-api-1 (has ended) after wait shop-db-1 healthy
`);
  expect(formatPlan(planStart(machine))).toBe('');
});

test('restart stops and starts the chosen services, and running dependents that ask for it', () => {
  expect(text(planRestart(machine, { services: named('api') }))).toBe(`
stop shop-web-1 (api is restarted)
stop shop-api-1 (requested) after stop shop-web-1
wait shop-db-1 healthy (shop-api-1 depends on it)
start shop-api-1 (requested) after stop shop-api-1, wait shop-db-1 healthy
start shop-web-1 (api is restarted) after stop shop-web-1, start shop-api-1
`);
  expect(formatPlan(planRestart(machine, { services: named('api'), dependents: 'ignore' }))).not.toContain('web');
  expect(
    formatPlan(planRestart(with_({ 'shop-web-1': { status: exited(0) } }), { services: named('api') })),
  ).not.toContain('web');
});

test('restart also starts what had ended', () => {
  expect(text(planRestart(with_({ 'shop-db-1': { status: exited(1) } }), { services: named('db') }))).toBe(
    '\nstart shop-db-1 (requested)\n',
  );
});

test('after an automatic restart only the dependents that ask for it follow, and it counts as automatic for them too', () => {
  const plan = planDependentRestarts(machine, 'api' as ServiceName);
  expect(text(plan)).toBe(`
stop shop-web-1 (api is restarted)
start shop-web-1 (api is restarted) after stop shop-web-1
`);
  expect(plan.steps[1]?.action).toEqual({ kind: 'start', container: 'shop-web-1', automatic: true });
  expect(planDependentRestarts(machine, 'db' as ServiceName).steps).toEqual([]);
});

test('who has not followed when a dependency was brought back follows, and those that follow it, and nobody else', () => {
  const since = (startedAtMs: number): ContainerStatus => ({ kind: 'running', pid: 1, startedAtMs });
  const stopped = { kind: 'exited', exitCode: 143, oomKilled: false, startedAtMs: 5, finishedAtMs: 20 } as const;
  const laggardsWith = (web: ContainerStatus, more: object = {}, now = 1000): string =>
    formatPlan(
      planLaggards(
        with_({
          'shop-api-1': { status: since(10), restarts: 1 },
          'shop-web-1': { status: web, ...more },
          'shop-db-1': { status: since(1) },
        }),
        now,
      ),
    );
  const follows = 'restart shop-web-1: api is restarted\n';
  expect(laggardsWith(since(5))).toBe(follows);
  expect(laggardsWith({ ...stopped, requested: true })).toBe('start shop-web-1: api is restarted\n');
  expect(laggardsWith(since(11))).toBe('');
  // It ended by itself, or for the user, or the clock was set back since.
  expect(laggardsWith(stopped)).toBe('');
  expect(laggardsWith({ ...stopped, requested: true }, { stoppedByUser: true })).toBe('');
  expect(laggardsWith(since(5), {}, 9)).toBe('');
});

test('kill reaches what is alive, and only a signal that is meant to end it is remembered', () => {
  const observed = with_({ 'shop-db-1': { status: exited(0) } });
  const action = (signal: string) =>
    planKill(observed, { signal: signal as SignalName }).steps.map((step) => step.action);
  expect(action('SIGHUP')).toEqual([
    { kind: 'kill', container: 'shop-api-1', signal: 'SIGHUP' },
    { kind: 'kill', container: 'shop-web-1', signal: 'SIGHUP' },
  ]);
  expect(action('SIGKILL')[0]).toMatchObject({ byUser: true });
  expect(action('SIGTERM')[0]).toMatchObject({ byUser: true });
});

test('kill that has been sent already only remembers what its restart policy would bring back', () => {
  const restart = { ...machine.containers[0]!.config.restart, condition: 'always' } as const;
  const always = { ...machine.containers[0]!.config, restart };
  const observed = with_({
    'shop-web-1': { status: exited(137), config: always },
    'shop-db-1': { status: exited(137) },
  });
  const plan = planKill(observed, { signal: 'SIGKILL' as SignalName, sent: true });
  expect(text(plan)).toBe('\nkill shop-api-1 (requested)\nstop shop-web-1 (requested)\n');
  expect(plan.steps[1]?.action).toMatchObject({ kind: 'stop', byUser: true });
});

test('who says how long a stop may take says it of its hooks; kill leaves those after an end their time', () => {
  const hook = { argv: ['/bin/echo'], environment: {}, privileged: false };
  const hooks = { preStart: [], postStart: [], preStop: [hook], postStop: [hook] };
  const observed = with_({ 'shop-web-1': { config: { ...machine.containers[0]!.config, hooks } } });
  const services = named('web');
  const spans = (plan: Plan) =>
    plan.steps.flatMap(({ action }) => (action.kind === 'hook' ? [`${action.when} ${action.withinMs}`] : []));
  expect(spans(planStop(observed, { services, graceMs: 5000 as Millis }))).toEqual(['pre-stop 5000', 'post-stop 5000']);
  expect(spans(planStop(observed, { services, graceMs: 0 as Millis }))).toEqual(['pre-stop 1000', 'post-stop 1000']);
  expect(spans(planStop(observed, { services }))).toEqual(['pre-stop undefined', 'post-stop undefined']);
  expect(spans(planKill(observed, { services, signal: 'SIGKILL' as SignalName }))).toEqual(['post-stop undefined']);
});

test('kill that has been sent already runs the hooks after an end that nobody has run', () => {
  const hook = { argv: ['/bin/echo'], environment: {}, privileged: false };
  const config = {
    ...machine.containers[0]!.config,
    hooks: { preStart: [], postStart: [], preStop: [hook], postStop: [hook] },
  };
  const observed = with_({
    'shop-api-1': { status: exited(137), config },
    'shop-web-1': { status: exited(137), config, hooksLeft: { from: 0, failed: false } },
    'shop-db-1': { status: exited(137), config },
  });
  expect(text(planKill(observed, { signal: 'SIGKILL' as SignalName, sent: true }))).toBe(
    '\nstop shop-web-1 (requested)\nhook shop-web-1 post-stop 1 (requested) after stop shop-web-1\n',
  );
});

test('pause reaches what runs, unpause what is paused', () => {
  const observed = with_({ 'shop-db-1': { status: { ...running, kind: 'paused' } as never } });
  expect(formatPlan(planPause(observed))).toBe('pause shop-api-1: requested\npause shop-web-1: requested\n');
  expect(formatPlan(planUnpause(observed))).toBe('unpause shop-db-1: requested\n');
});

test('rm removes what does not run; with -s it stops the rest first', () => {
  const observed = with_({ 'shop-web-1': { status: exited(0) } });
  expect(text(planRemove(observed))).toBe('\nremove shop-web-1 (requested)\n');
  expect(text(planRemove(observed, { stop: true, services: named('web', 'api'), volumes: true }))).toBe(`
stop shop-api-1 (requested)
remove shop-web-1 (requested)
remove shop-api-1 (requested) after stop shop-api-1
`);
});

test('up --wait waits for health where there is a check, otherwise for a start', () => {
  const healthcheck = {
    argv: ['/bin/true'],
    intervalMs: 1,
    timeoutMs: 1,
    retries: 1,
    startPeriodMs: 0,
    startIntervalMs: 1,
  } as never;
  const desired = desiredState([
    { name: 'web', needs: ['db'] },
    { name: 'db', config: { healthcheck } },
    { name: 'mail' },
  ]);
  const awaited = observedState(desired).containers.map((container) => ({ container }));
  expect(text(planWait(awaited))).toBe(`
wait shop-db-1 healthy (requested)
wait shop-mail-1 started (requested)
wait shop-web-1 started (requested)
`);
});

test('a command about services that have no container plans nothing', () => {
  const services = named('nobody');
  for (const plan of [
    planStop(machine, { services }),
    planStart(machine, { services }),
    planRestart(machine, { services }),
  ]) {
    expect(plan.steps).toEqual([]);
  }
});
