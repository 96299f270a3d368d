import { expect, test } from 'vitest';
import type { ContainerConfig, Hook } from '../../../src/model/project.ts';
import type { ContainerStatus, DesiredState, ObservedContainer, ObservedState } from '../../../src/model/state.ts';
import type { Millis, ServiceName } from '../../../src/model/units.ts';
import { formatPlan, formatSteps } from '../../../src/plan/format.ts';
import { waitsInVain } from '../../../src/plan/in-vain.ts';
import type { ReconcileOptions } from '../../../src/plan/options.ts';
import { reconcile } from '../../../src/plan/reconcile.ts';
import { planRestart } from '../../../src/plan/restart.ts';
import {
  attach,
  compare,
  desiredState,
  exited,
  network,
  nothing,
  observedState,
  originOf,
  running,
  type ServiceSketch,
  volume,
} from '../../support/builders.ts';

const steps = (desired: DesiredState, observed: ObservedState, options: Partial<ReconcileOptions> = {}): string =>
  `\n${formatSteps(reconcile(desired, observed, { compare, ...options }))}`;
const named = (...names: string[]): ServiceName[] => names as ServiceName[];
const onPort = (PORT: string): Partial<ContainerConfig> => ({ environment: { PORT } });
const data = (name: string): Partial<ContainerConfig> => ({
  mounts: [{ kind: 'volume', volume: name, target: '/data' as never, readOnly: false, noCopy: false }],
});
const web: ServiceSketch = { name: 'web', needs: ['db'] };
const db: ServiceSketch = { name: 'db' };

test('a stack that does not exist is made, and started in the order of its dependencies', () => {
  const desired = desiredState(
    [
      { ...web, config: { networks: [attach('default')] } },
      { ...db, config: { ...data('shop_data'), networks: [attach('default')] } },
    ],
    { volumes: [volume('data')], networks: [network('default')] },
  );
  expect(steps(desired, nothing)).toBe(`
create volume shop_data (does not exist)
create network shop_default (does not exist)
create shop-db-1 (does not exist) after create volume shop_data, create network shop_default
create shop-web-1 (does not exist) after create network shop_default
start shop-db-1 (does not exist) after create shop-db-1
start shop-web-1 (does not exist) after create shop-web-1, start shop-db-1
`);
});

test('what runs as the file says is left alone', () => {
  const desired = desiredState([web, db]);
  expect(steps(desired, observedState(desired))).toBe('\n');
});

test('volumes and networks that only unselected services use, and external ones, are not made', () => {
  const desired = desiredState(
    [
      { name: 'web', config: data('elsewhere') },
      { name: 'db', config: data('shop_data') },
    ],
    { volumes: [volume('data'), volume('ext', { name: 'elsewhere', external: true })], networks: [network('unused')] },
  );
  expect(steps(desired, nothing, { services: named('web') })).toBe(`
create shop-web-1 (does not exist)
start shop-web-1 (does not exist) after create shop-web-1
`);
});

test('a changed container is stopped, removed, made and started again under its name', () => {
  const before = desiredState([{ ...web, config: onPort('8080') }, db]);
  const after = desiredState([{ ...web, config: onPort('9090') }, db]);
  expect(steps(after, observedState(before))).toBe(`
stop shop-web-1 (makes room for shop-web-1)
remove shop-web-1 (makes room for shop-web-1) after stop shop-web-1
create shop-web-1 (environment.PORT 8080 → 9090) after remove shop-web-1
start shop-web-1 (environment.PORT 8080 → 9090) after create shop-web-1
`);
});

test('a change says where in the file it was made, or the nearest thing that is written', () => {
  const file = { path: 'stack.yml', text: 'services:\n  web:\n    environment:\n      PORT: 9090\n' };
  const origins = { '': originOf(file, 'web'), 'environment.PORT': originOf(file, '9090') };
  const before = desiredState([{ ...web, config: onPort('8080') }]);
  const after = desiredState([{ ...web, config: { ...onPort('9090'), readOnly: true }, origins }]);
  expect(formatPlan(reconcile(after, observedState(before), { compare }))).toBe(
    'recreate shop-web-1:\n  environment.PORT 8080 → 9090, stack.yml:4:13\n  readOnly false → true, stack.yml:2:3\n',
  );
});

test('anonymous volumes are handed on to the successor unless they are to be renewed', () => {
  const before = desiredState([{ ...db, config: onPort('1') }]);
  const after = desiredState([{ ...db, config: onPort('2') }]);
  const actions = (options: Partial<ReconcileOptions>) =>
    reconcile(after, observedState(before), { compare, ...options }).steps.map(({ action }) => action);
  const kept = actions({});
  expect(kept).toContainEqual({ kind: 'remove', container: 'shop-db-1', volumes: false });
  expect(kept.find(({ kind }) => kind === 'create')).toMatchObject({ replaces: 'shop-db-1' });
  const renewed = actions({ renewAnonymousVolumes: true });
  expect(renewed).toContainEqual({ kind: 'remove', container: 'shop-db-1', volumes: true });
  expect(renewed.find(({ kind }) => kind === 'create')).not.toHaveProperty('replaces');
});

test('a container that has ended is started, one that is paused goes on', () => {
  const desired = desiredState([web, db]);
  const observed = observedState(desired, {
    'shop-db-1': { status: exited(1) },
    'shop-web-1': { status: { ...running, kind: 'paused' } as never },
  });
  expect(steps(desired, observed)).toBe(`
start shop-db-1 (has ended)
unpause shop-web-1 (is paused) after start shop-db-1
`);
});

test('a one-shot that has done its work runs again with the next up, but not within the same one', () => {
  const desired = desiredState([{ name: 'migrate' }]);
  const observed = observedState(desired, { 'shop-migrate-1': { status: exited(0) } });
  expect(steps(desired, observed)).toBe('\nstart shop-migrate-1 (has ended)\n');
  expect(steps(desired, observed, { settled: new Set([observed.containers[0]!.name]) })).toBe('\n');
});

test('what was changed and has ended is made anew and started', () => {
  const before = desiredState([{ ...db, config: onPort('1') }]);
  const after = desiredState([{ ...db, config: onPort('2') }]);
  expect(steps(after, observedState(before, { 'shop-db-1': { status: exited(0) } }))).toBe(`
remove shop-db-1 (makes room for shop-db-1)
create shop-db-1 (environment.PORT 1 → 2) after remove shop-db-1
start shop-db-1 (environment.PORT 1 → 2) after create shop-db-1
`);
});

test('scaling up takes the lowest free numbers', () => {
  const one = desiredState([{ ...web, replicas: 4 }]);
  const observed = observedState(one, { 'shop-web-1': null, 'shop-web-3': null });
  expect(steps(desiredState([{ ...web, replicas: 3 }]), observed)).toBe(`
create shop-web-1 (does not exist)
start shop-web-1 (does not exist) after create shop-web-1
`);
});

test('scaling down removes the highest numbers', () => {
  const observed = observedState(desiredState([{ ...web, replicas: 3 }]));
  expect(steps(desiredState([web]), observed)).toBe(`
stop shop-web-3 (more replicas than wanted)
stop shop-web-2 (more replicas than wanted)
remove shop-web-3 (more replicas than wanted) after stop shop-web-3
remove shop-web-2 (more replicas than wanted) after stop shop-web-2
`);
});

test('scaling down removes obsolete containers first, and is content with the numbers that stay', () => {
  const three = desiredState([{ ...web, replicas: 3, config: onPort('9090') }]);
  const two = desiredState([{ ...web, replicas: 2, config: onPort('9090') }]);
  const old = desiredState([{ ...web, config: onPort('8080') }]).containers[0]!.config;
  expect(steps(two, observedState(three, { 'shop-web-1': { config: old } }))).toBe(`
stop shop-web-1 (more replicas than wanted)
remove shop-web-1 (more replicas than wanted) after stop shop-web-1
`);
  expect(steps(two, observedState(three, { 'shop-web-1': null }))).toBe('\n');
});

test('a service scaled to nothing keeps no container, and they are not orphans', () => {
  const desired = desiredState([{ ...web, replicas: 0 }]);
  expect(steps(desired, observedState(desiredState([web])))).toBe(`
stop shop-web-1 (more replicas than wanted)
remove shop-web-1 (more replicas than wanted) after stop shop-web-1
`);
});

test('a new container_name replaces the container under the old one', () => {
  const before = desiredState([{ ...db, containerName: 'old' }]);
  const after = desiredState([{ ...db, containerName: 'new' }]);
  expect(steps(after, observedState(before))).toBe(`
stop old (makes room for new)
remove old (makes room for new) after stop old
create new (container_name old → new) after remove old
start new (container_name old → new) after create new
`);
});

test('a name that moves to another service is taken from the one that has it', () => {
  const before = desiredState([{ name: 'api', containerName: 'app' }]);
  const after = desiredState([{ name: 'web', containerName: 'app' }]);
  expect(steps(after, observedState(before))).toBe(`
stop app (makes room for app)
remove app (makes room for app) after stop app
create app (does not exist) after remove app
start app (does not exist) after create app
`);
});

test('containers of services that left the file stay unless orphans are to be removed', () => {
  const observed = observedState(
    desiredState([web, { ...db, config: { networks: [attach('back')] } }], { networks: [network('back')] }),
  );
  const desired = desiredState([{ name: 'web', needs: ['db'] }]);
  expect(steps(desired, observed)).toBe('\n');
  expect(steps(desired, observed, { removeOrphans: true })).toBe(`
stop shop-db-1 (its service is not in the file)
remove shop-db-1 (its service is not in the file) after stop shop-db-1
remove network shop_back (not in the file any more) after remove shop-db-1
`);
});

test('containers of a disabled service are not orphans', () => {
  const observed = observedState(desiredState([web, db]));
  const desired = desiredState([web], { disabled: ['db'] });
  expect(steps(desired, observed, { removeOrphans: true })).toBe('\n');
});

test('force makes everything anew, dependents stopping first and starting last', () => {
  const desired = desiredState([web, db]);
  expect(steps(desired, observedState(desired), { recreate: 'always' })).toBe(`
stop shop-web-1 (makes room for shop-web-1)
stop shop-db-1 (makes room for shop-db-1) after stop shop-web-1
remove shop-web-1 (makes room for shop-web-1) after stop shop-web-1
remove shop-db-1 (makes room for shop-db-1) after stop shop-db-1
create shop-db-1 (forced) after remove shop-db-1
create shop-web-1 (forced) after remove shop-web-1
start shop-db-1 (forced) after create shop-db-1
start shop-web-1 (forced) after create shop-web-1, start shop-db-1
`);
});

test('force means the named services; their dependencies are only made anew when that is asked for', () => {
  const desired = desiredState([web, db]);
  const options = { services: named('web'), recreate: 'always', graceMs: 1 as Millis } as const;
  const recreated = (more: Partial<ReconcileOptions>): string =>
    formatPlan(reconcile(desired, observedState(desired), { compare, ...options, ...more }));
  expect(recreated({})).toBe('recreate shop-web-1: forced\n');
  expect(recreated({ recreateDependencies: 'always' })).toBe(
    'recreate shop-db-1: forced\nrecreate shop-web-1: forced\n',
  );
});

test('what was forced in this command is not forced again', () => {
  const desired = desiredState([db]);
  const observed = observedState(desired);
  expect(steps(desired, observed, { recreate: 'always', settled: new Set([observed.containers[0]!.name]) })).toBe('\n');
});

test('with --no-recreate a changed container stays, and starts if it has ended', () => {
  const before = desiredState([{ ...web, config: onPort('1') }]);
  const after = desiredState([{ ...web, config: onPort('2') }]);
  expect(steps(after, observedState(before), { recreate: 'never' })).toBe('\n');
  const ended = observedState(before, { 'shop-web-1': { status: exited(0) } });
  expect(steps(after, ended, { recreate: 'never' })).toBe('\nstart shop-web-1 (has ended)\n');
});

test('with --no-start everything is made and nothing started', () => {
  expect(steps(desiredState([web, db]), nothing, { start: false })).toBe(`
create shop-db-1 (does not exist)
create shop-web-1 (does not exist)
`);
});

test('a named service brings what it needs, and nothing else', () => {
  const desired = desiredState([web, db, { name: 'mail' }]);
  expect(formatPlan(reconcile(desired, nothing, { compare, services: named('web') }))).toBe(
    'create shop-db-1: does not exist\ncreate shop-web-1: does not exist\n',
  );
  expect(formatPlan(reconcile(desired, nothing, { compare, services: named('web'), dependencies: 'ignore' }))).toBe(
    'create shop-web-1: does not exist\n',
  );
});

test('the time to stop can be given for all', () => {
  const plan = reconcile(desiredState([]), observedState(desiredState([db])), {
    compare,
    removeOrphans: true,
    graceMs: 1500 as Millis,
  });
  expect(plan.steps[0]?.action).toEqual({ kind: 'stop', container: 'shop-db-1', signal: 'SIGTERM', graceMs: 1500 });
});

test('conditions that take time are steps, shared by all who wait for the same', () => {
  const desired = desiredState([
    { name: 'a', needs: ['db healthy', 'migrate completed successfully'] },
    { name: 'b', needs: ['db healthy', 'tidy completed+optional'] },
    db,
    { name: 'migrate', needs: ['db healthy'] },
    { name: 'tidy' },
  ]);
  expect(
    steps(desired, nothing)
      .split('\n')
      .filter((line) => line.startsWith('start') || line.startsWith('wait')),
  ).toEqual([
    'start shop-db-1 (does not exist) after create shop-db-1',
    'wait shop-db-1 healthy (shop-migrate-1 depends on it) after start shop-db-1',
    'start shop-migrate-1 (does not exist) after create shop-migrate-1, wait shop-db-1 healthy',
    'wait shop-migrate-1 completed successfully (shop-a-1 depends on it) after start shop-migrate-1',
    'start shop-a-1 (does not exist) after create shop-a-1, wait shop-db-1 healthy, wait shop-migrate-1 completed successfully',
    'start shop-tidy-1 (does not exist) after create shop-tidy-1',
    'wait shop-tidy-1 completed (optional) (shop-b-1 depends on it) after start shop-tidy-1',
    'start shop-b-1 (does not exist) after create shop-b-1, wait shop-db-1 healthy, wait shop-tidy-1 completed (optional)',
  ]);
});

test('a wait for the health of what is made without a check is in vain, unless it is optional', () => {
  const checked = { healthcheck: { test: ['true'] } } as never;
  const vain = (dbConfig: object, ...needs: string[]) =>
    waitsInVain(
      reconcile(
        desiredState([
          { name: 'a', needs },
          { name: 'b', needs },
          { name: 'db', config: dbConfig },
        ]),
        nothing,
        { compare },
      ),
      nothing,
    );
  expect(vain({}, 'db healthy').map(({ summary }) => summary)).toEqual([
    'cannot wait until "db" is healthy: it has no health check',
  ]);
  expect(vain(checked, 'db healthy')).toEqual([]);
  expect(vain({}, 'db healthy+optional')).toEqual([]);
  expect(vain({}, 'db completed')).toEqual([]);
});

test('a wait for what has ended and is not started is in vain', () => {
  const desired = desiredState([
    { name: 'web', needs: ['job completed successfully', 'db healthy', 'aside completed successfully+optional'] },
    { name: 'db' },
    { name: 'job' },
    { name: 'aside' },
  ]);
  const vain = (job: ContainerStatus, ...services: string[]) => {
    const status = { status: job };
    const observed = observedState(desired, { 'shop-job-1': status, 'shop-aside-1': status });
    const plan = planRestart(observed, { services: services as ServiceName[] });
    return waitsInVain(plan, observed).map(({ code, summary }) => `${code}: ${summary}`);
  };
  const unchecked = 'bad-value: cannot wait until "db" is healthy: it has no health check';
  const lost =
    'dependency-failed: cannot wait until "job" has completed successfully: shop-job-1 has ended with code 3';
  expect(vain(exited(3), 'web').sort()).toEqual([unchecked, lost]);
  expect(vain(exited(0), 'web')).toEqual([unchecked]);
  expect(vain(running, 'web')).toEqual([unchecked]);
  // Then it is run again.
  expect(vain(exited(3))).not.toContain(lost);
});

test('a wait for the health of what has ended is in vain when its restart policy is done with it', () => {
  const checked = { restart: { condition: 'on-failure' }, healthcheck: { test: ['true'] } } as never;
  const desired = desiredState([
    { name: 'web', needs: ['db healthy'] },
    { name: 'db', config: checked },
  ]);
  const vain = (status: ContainerStatus) => {
    const observed = observedState(desired, { 'shop-db-1': { status } });
    const plan = planRestart(observed, { services: named('web') });
    return waitsInVain(plan, observed).map(({ summary }) => summary);
  };
  expect(vain(exited(0))).toEqual(['cannot wait until "db" is healthy: shop-db-1 has ended with code 0']);
  expect(vain(exited(1))).toEqual([]);
});

test('a condition that holds already is not waited for, one that does not yet is', () => {
  const desired = desiredState([{ name: 'web', needs: ['db healthy'] }, db]);
  const webEnded = { 'shop-web-1': { status: exited(0) } };
  const dbIs = (health: 'healthy' | 'starting') => ({ 'shop-db-1': { status: { ...running, health } as never } });
  expect(steps(desired, observedState(desired, { ...webEnded, ...dbIs('healthy') }))).toBe(
    '\nstart shop-web-1 (has ended)\n',
  );
  expect(steps(desired, observedState(desired, { ...webEnded, ...dbIs('starting') }))).toBe(`
wait shop-db-1 healthy (shop-web-1 depends on it)
start shop-web-1 (has ended) after wait shop-db-1 healthy
`);
});

test('dependents with restart: true stop before their dependency is made anew and start after it, and theirs as well', () => {
  const sketch = (port: string): ServiceSketch[] => [
    { name: 'db', config: onPort(port) },
    { name: 'api', needs: ['db+restart'] },
    { name: 'web', needs: ['api+restart'] },
    { name: 'report', needs: ['db'] },
  ];
  expect(steps(desiredState(sketch('2')), observedState(desiredState(sketch('1'))), { services: named('db') })).toBe(`
stop shop-web-1 (api is restarted)
stop shop-api-1 (db is made anew) after stop shop-web-1
stop shop-db-1 (makes room for shop-db-1) after stop shop-api-1
remove shop-db-1 (makes room for shop-db-1) after stop shop-db-1
create shop-db-1 (environment.PORT 1 → 2) after remove shop-db-1
start shop-db-1 (environment.PORT 1 → 2) after create shop-db-1
start shop-api-1 (db is made anew) after stop shop-api-1, start shop-db-1
start shop-web-1 (api is restarted) after stop shop-web-1, start shop-api-1
`);
  const alone = { services: named('db'), dependencies: 'ignore' } as const;
  expect(
    formatPlan(reconcile(desiredState(sketch('2')), observedState(desiredState(sketch('1'))), { compare, ...alone })),
  ).toBe('recreate shop-db-1: environment.PORT 1 → 2\n');
});

test('a paused dependent with restart: true does not go on with what it had of a dependency that is made anew', () => {
  const sketch = (port: string): ServiceSketch[] => [
    { name: 'db', config: onPort(port) },
    { name: 'api', needs: ['db+restart'] },
    { name: 'report', needs: ['db'] },
  ];
  const paused = { status: { kind: 'paused', pid: 100, startedAtMs: 1 } } as const;
  const observed = observedState(desiredState(sketch('1')), { 'shop-api-1': paused, 'shop-report-1': paused });
  expect(formatPlan(reconcile(desiredState(sketch('2')), observed, { compare }))).toBe(
    'recreate shop-db-1: environment.PORT 1 → 2\nrestart shop-api-1: db is made anew\nunpause shop-report-1: is paused\n',
  );
});

test('dependents with restart: true follow what its policy would have brought back, had nobody been there first', () => {
  const sketch: ServiceSketch[] = [
    { name: 'db', config: { restart: { condition: 'on-failure' } } },
    { name: 'api', needs: ['db+restart'] },
    { name: 'web', needs: ['db'] },
  ];
  const desired = desiredState(sketch);
  const planned = (db: Partial<ObservedContainer>): string =>
    formatPlan(reconcile(desired, observedState(desired, { 'shop-db-1': db }), { compare }));
  expect(planned({ status: exited(1) })).toBe('start shop-db-1: has ended\nrestart shop-api-1: db is restarted\n');
  for (const other of [
    { status: exited(0) },
    { status: exited(1), stoppedByUser: true },
    { status: { ...exited(1), requested: true as const } },
  ] as Partial<ObservedContainer>[]) {
    expect(planned(other)).toBe('start shop-db-1: has ended\n');
  }
});

test('they stop before it is started, theirs as well, as when it is restarted by hand', () => {
  const desired = desiredState([
    { name: 'db', config: { restart: { condition: 'always' } } },
    { name: 'api', needs: ['db+restart'] },
    { name: 'web', needs: ['api+restart'] },
    { name: 'report', needs: ['db'] },
  ]);
  const crashed = observedState(desired, { 'shop-db-1': { status: exited(1) } });
  expect(steps(desired, crashed)).toBe(`
stop shop-web-1 (api is restarted)
stop shop-api-1 (db is restarted) after stop shop-web-1
start shop-db-1 (has ended) after stop shop-api-1
start shop-api-1 (db is restarted) after stop shop-api-1, start shop-db-1
start shop-web-1 (api is restarted) after stop shop-web-1, start shop-api-1
`);
});

test('who shares the namespaces of a container that is made anew is made anew with it', () => {
  const sketch = (port: string): ServiceSketch[] => [
    { name: 'vpn', config: onPort(port) },
    {
      name: 'app',
      needs: ['vpn+restart'],
      config: { networkMode: { kind: 'service', service: 'vpn' as ServiceName } },
    },
  ];
  expect(formatPlan(reconcile(desiredState(sketch('2')), observedState(desiredState(sketch('1'))), { compare }))).toBe(
    'recreate shop-vpn-1: environment.PORT 1 → 2\nrecreate shop-app-1: vpn is made anew\n',
  );
});

test('a changed network is made anew when its members have left, and they are made anew in it', () => {
  const sketch = (internal: boolean): DesiredState =>
    desiredState([{ ...web, config: { networks: [attach('front')] } }], { networks: [network('front', { internal })] });
  expect(steps(sketch(true), observedState(sketch(false)))).toBe(`
stop shop-web-1 (makes room for shop-web-1)
remove shop-web-1 (makes room for shop-web-1) after stop shop-web-1
remove network shop_front (networks.front.internal false → true) after remove shop-web-1
create network shop_front (networks.front.internal false → true) after remove network shop_front
create shop-web-1 (network shop_front is made anew) after remove shop-web-1, create network shop_front
start shop-web-1 (network shop_front is made anew) after create shop-web-1
`);
  expect(steps(sketch(true), observedState(sketch(false)), { recreate: 'never' })).toBe('\n');
});

test('a running container whose volume is gone is made anew, one that had ended is only started', () => {
  const desired = desiredState([{ ...db, config: data('shop_data') }], { volumes: [volume('data')] });
  const without = (observed: ObservedState): ObservedState => ({ ...observed, volumes: [] });
  expect(formatPlan(reconcile(desired, without(observedState(desired)), { compare }))).toBe(
    'create volume shop_data: does not exist\nrecreate shop-db-1: volume shop_data is made anew\n',
  );
  const ended = observedState(desired, { 'shop-db-1': { status: exited(0) } });
  expect(formatPlan(reconcile(desired, without(ended), { compare }))).toBe(
    'create volume shop_data: does not exist\nstart shop-db-1: has ended\n',
  );
});

test('a port is free before another container takes it', () => {
  const ports = [{ published: { first: 80, last: 80 }, target: 80, protocol: 'tcp' }] as const;
  const before = desiredState([{ name: 'old', config: { ports } }]);
  const after = desiredState([{ name: 'new', config: { ports } }]);
  expect(steps(after, observedState(before), { removeOrphans: true })).toContain(
    'create shop-new-1 (does not exist) after remove shop-old-1\n',
  );
});

test('hooks are steps: around starts and stops, and before the first start of a definition only', () => {
  const hook: Hook = { argv: ['/bin/hook'], privileged: false, environment: {} };
  const hooks = { preStart: [hook], postStart: [hook, hook], preStop: [hook], postStop: [hook] };
  const sketch = (port: string, replicas = 1): DesiredState =>
    desiredState([{ name: 'web', replicas, config: { ...onPort(port), hooks } }]);
  expect(steps(sketch('2'), observedState(sketch('1')))).toBe(`
hook shop-web-1 pre-stop 1 (makes room for shop-web-1)
stop shop-web-1 (makes room for shop-web-1) after hook shop-web-1 pre-stop 1
hook shop-web-1 post-stop 1 (makes room for shop-web-1) after stop shop-web-1
remove shop-web-1 (makes room for shop-web-1) after hook shop-web-1 post-stop 1
create shop-web-1 (environment.PORT 1 → 2) after remove shop-web-1
hook shop-web-1 pre-start 1 (environment.PORT 1 → 2) after create shop-web-1
start shop-web-1 (environment.PORT 1 → 2) after hook shop-web-1 pre-start 1
hook shop-web-1 post-start 1 (environment.PORT 1 → 2) after start shop-web-1
hook shop-web-1 post-start 2 (environment.PORT 1 → 2) after hook shop-web-1 post-start 1
`);
  expect(steps(sketch('1', 2), observedState(sketch('1')))).not.toContain('pre-start');
  expect(steps(sketch('1'), observedState(sketch('1'), { 'shop-web-1': { status: exited(0) } }))).not.toContain(
    'pre-start',
  );
  expect(steps(sketch('1'), observedState(sketch('1'), { 'shop-web-1': { status: { kind: 'created' } } }))).toContain(
    'pre-start',
  );
});

test('what runs may contain a cycle from two versions of the file; the plan still has an order', () => {
  const before = desiredState([
    { name: 'a', needs: ['b'] },
    { name: 'b', needs: ['a'] },
  ]);
  expect(steps(desiredState([]), observedState(before), { removeOrphans: true })).toBe(`
stop shop-a-1 (its service is not in the file)
stop shop-b-1 (its service is not in the file) after stop shop-a-1
remove shop-a-1 (its service is not in the file) after stop shop-a-1
remove shop-b-1 (its service is not in the file) after stop shop-b-1
`);
});

test('an older fingerprint is read in the words of the present one before it is compared', () => {
  const desired = desiredState([{ ...db, config: onPort('2') }]);
  const old = observedState(desiredState([{ ...db, config: onPort('two') }]), {
    'shop-db-1': { fingerprintVersion: 0 },
  });
  const upgrade = (config: ContainerConfig, version: number): ContainerConfig =>
    version === 0 ? { ...config, environment: { PORT: '2' } } : config;
  expect(steps(desired, old, { upgrade })).toBe('\n');
  expect(steps(desired, old)).not.toBe('\n');
});
