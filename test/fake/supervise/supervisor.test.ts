import { afterEach, expect, test } from 'vitest';
import type { Millis } from '../../../src/model/units.ts';
import type { LogLine } from '../../../src/supervise/log-entry.ts';
import { Supervisor } from '../../../src/supervise/supervisor.ts';
import { desiredState, observedState, project } from '../../support/builders.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeRuntime } from '../../support/fake-runtime.ts';

const ms = (value: number): Millis => value as Millis;
type Services = Parameters<typeof desiredState>[0];

/** What supervisors of the test at hand ended with, whom nobody waits for. */
const bugs: unknown[] = [];
afterEach(() => expect(bugs.splice(0)).toEqual([]));

function supervised(services: Services, lines: LogLine[] = []) {
  const clock = new FakeClock();
  const machine = new FakeRuntime(observedState(desiredState(services)));
  machine.now = clock.now;
  const begin = () => {
    let over = false;
    const log = { append: (line: LogLine) => void lines.push(line), read: () => lines };
    const supervisor = new Supervisor({
      project,
      runtime: machine,
      log,
      clock,
      lifeOf: () => undefined,
      warn: () => {},
      isOurs: () => true,
    });
    supervisor.run().then(
      () => {
        over = true;
      },
      (bug: unknown) => bugs.push(bug),
    );
    return { isOver: () => over, supervisor };
  };
  const starts = () => machine.performed.filter((step) => step.startsWith('start '));
  return { clock, machine, lines, begin, starts };
}

const always = { restart: { condition: 'always' } } as const;

test('it is over at once when nothing needs time', async () => {
  const { clock, begin } = supervised([{ name: 'web', config: always }]);
  const { isOver } = begin();
  await clock.pass(0);
  expect(isOver()).toBe(true);
});

test('lives of more than ten seconds are no crash loop: each restart comes after 100 ms', async () => {
  const { clock, machine, begin, lines } = supervised([{ name: 'web', config: always }]);
  machine.exit('shop-web-1', 1);
  for (let life = 0; life < 5; life++) {
    begin();
    await clock.pass(11_000);
    machine.exit('shop-web-1', 1);
  }
  const delays = lines.flatMap((line) => (line.kind === 'restart-planned' ? [line.delayMs] : []));
  expect(delays).toEqual([100, 100, 100, 100, 100]);
});

test('short lives double the delay', async () => {
  const { clock, machine, begin, lines } = supervised([{ name: 'web', config: always }]);
  machine.exit('shop-web-1', 1);
  machine.program = () => ({ exit: 1 });
  begin();
  await clock.pass(100_000);
  const delays = lines.flatMap((line) => (line.kind === 'restart-planned' ? [line.delayMs] : []));
  expect(delays).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200]);
});

test('a successor goes on where the one before was killed: with its back-off and its attempts', async () => {
  const policy = { restart: { condition: 'on-failure', maxAttempts: 3, delayMs: ms(5000) } } as const;
  const { clock, machine, begin, starts, lines } = supervised([{ name: 'web', config: policy }]);
  machine.exit('shop-web-1', 7);
  machine.program = () => ({ exit: 7 });
  begin();
  await clock.pass(6000);
  expect(starts()).toHaveLength(1);
  // The first one is not told to end: both see everything, as when a stopped process wakes up again.
  const { isOver } = begin();
  await clock.pass(60_000);
  expect(starts()).toHaveLength(3);
  expect(isOver()).toBe(true);
  expect(lines.filter(({ kind }) => kind === 'left').map((line) => line.kind === 'left' && line.reason)).toContain(
    'attempts-used-up',
  );
});

test('what the user stopped in the back-off stays stopped', async () => {
  const { clock, machine, begin, starts } = supervised([
    { name: 'web', config: { restart: { condition: 'always', delayMs: ms(1000) } } },
  ]);
  machine.exit('shop-web-1', 1);
  const { isOver } = begin();
  await clock.pass(500);
  const session = await machine.open();
  if (!session.ok) throw new Error('the fake machine opens');
  const container = machine.container('shop-web-1').name;
  await session.value.perform(
    {
      kind: 'stop',
      container,
      signal: machine.container('shop-web-1').config.stopSignal,
      graceMs: ms(0),
      byUser: true,
    },
    new AbortController().signal,
  );
  await session.value.close();
  await clock.pass(10_000);
  expect(starts()).toEqual([]);
  expect(isOver()).toBe(true);
});

test('health is asked for at its interval, and an answer that changes is recorded', async () => {
  const healthcheck = {
    argv: ['/check'],
    intervalMs: ms(10_000),
    timeoutMs: ms(1000),
    retries: 2,
    startPeriodMs: ms(0),
    startIntervalMs: ms(5000),
  };
  const { clock, machine, begin } = supervised([{ name: 'web', config: { healthcheck } }]);
  const { isOver } = begin();
  await clock.pass(15_000);
  expect(machine.healthRecords.at(-1)?.record.health).toBe('healthy');
  machine.health = () => ({ exitCode: 1, output: 'no' });
  await clock.pass(30_000);
  expect(machine.healthRecords.at(-1)?.record).toMatchObject({ health: 'unhealthy' });
  expect(isOver()).toBe(false);
  machine.vanish('shop-web-1');
  await clock.pass(0);
  expect(isOver()).toBe(true);
});

test('a dependency that comes back takes along who asked for it', async () => {
  const { clock, machine, begin } = supervised([
    { name: 'db', config: always },
    { name: 'web', needs: ['db+restart'] },
  ]);
  machine.exit('shop-db-1', 1);
  begin();
  await clock.pass(1000);
  expect(machine.performed).toEqual(['start shop-db-1', 'stop shop-web-1', 'start shop-web-1']);
});

test('a start limit ends a crash loop, and everybody can see that it was given up', async () => {
  const startLimit = { ends: 3, withinMs: ms(60_000) };
  const { clock, machine, begin, starts } = supervised([
    { name: 'web', config: { restart: { condition: 'always', startLimit } } },
  ]);
  machine.exit('shop-web-1', 1);
  machine.program = () => ({ exit: 1 });
  const { isOver } = begin();
  await clock.pass(100_000);
  expect(starts()).toHaveLength(3);
  expect(machine.container('shop-web-1').givenUp).toBe('start-limit');
  expect(isOver()).toBe(true);
});

test('a container without a monitor is looked after until it has one, at growing distances', async () => {
  const { clock, machine, begin } = supervised([{ name: 'web' }]);
  machine.canAdopt = false;
  machine.loseMonitor('shop-web-1');
  const { isOver } = begin();
  await clock.pass(20_000);
  expect(machine.adoptions).toBe(5);
  expect(isOver()).toBe(false);
  machine.canAdopt = true;
  await clock.pass(31_000);
  expect(machine.container('shop-web-1').monitored).toBe(true);
  expect(isOver()).toBe(true);
});

const hook = { argv: ['a'], privileged: false, environment: {} };
const hooks = { preStart: [], postStart: [hook, hook], preStop: [], postStop: [hook, hook] };

/** As whoever was killed or interrupted before it came to the others. */
async function runOneHook(machine: FakeRuntime, when: 'post-start' | 'post-stop'): Promise<void> {
  const opened = await machine.open();
  if (!opened.ok) throw new Error('the fake machine opens');
  const container = machine.container('shop-web-1').name;
  await opened.value.perform({ kind: 'hook', container, when, hook }, new AbortController().signal);
  await opened.value.close();
}

test('hooks after an end that a killed supervisor has left undone are run by its successor, and only those', async () => {
  const { clock, machine, begin } = supervised([{ name: 'web', config: { hooks } }]);
  machine.exit('shop-web-1', 1);
  await runOneHook(machine, 'post-stop');
  begin();
  await clock.pass(0);
  begin();
  await clock.pass(0);
  expect(machine.performed).toEqual(['hook shop-web-1 post-stop 1', 'hook shop-web-1 post-stop 1']);
  expect(machine.container('shop-web-1').hooksLeft).toBeUndefined();
});

test('hooks after an end that was asked for are left to whoever asked, for two seconds', async () => {
  for (const isKilled of [true, false]) {
    const { clock, machine, begin } = supervised([{ name: 'web', config: { hooks } }]);
    machine.exit('shop-web-1', 143, { requested: true });
    begin();
    await clock.pass(0);
    const { isOver } = begin();
    await clock.pass(1900);
    expect([machine.performed.length, isOver()]).toEqual([0, false]);
    if (!isKilled) for (const _ of hooks.postStop) await runOneHook(machine, 'post-stop');
    await clock.pass(200);
    expect([machine.performed.length, isOver()]).toEqual([2, true]);
  }
});

test('hooks after a start are left to whoever has started, who has the project, and one that failed to the user', async () => {
  const config = { hooks, restart: { condition: 'always' } } as const;
  const { clock, machine, begin } = supervised([{ name: 'web', config }]);
  machine.exit('shop-web-1', 1);
  begin();
  await clock.pass(200);
  const [before, after] = ['hook shop-web-1 post-stop 1', 'hook shop-web-1 post-start 1'];
  const life = [before, before, 'start shop-web-1', after];
  expect(machine.performed).toEqual([...life, after]);

  machine.failure = ({ kind }) => (kind === 'hook' ? { code: 'io', message: 'cannot run it', notes: [] } : undefined);
  machine.exit('shop-web-1', 1);
  await clock.pass(60_000);
  expect(machine.performed.slice(5)).toEqual(life);
  begin();
  await clock.pass(60_000);
  expect(machine.performed).toHaveLength(9);
});
