import { expect, test } from 'vitest';
import type { ContainerName, ServiceName } from '../../../src/model/units.ts';
import { Work } from '../../../src/supervise/work.ts';
import { desiredState, observedState, project } from '../../support/builders.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeRuntime } from '../../support/fake-runtime.ts';

const postStop = [{ argv: ['a'], privileged: false, environment: {} }];
const hooks = { preStart: [], postStart: [], preStop: [], postStop };

/** A machine whose lock is had when `unlock` says so, in the order in which it was asked for. */
class BusyRuntime extends FakeRuntime {
  readonly waiting: (() => void)[] = [];

  override async open() {
    await new Promise<void>((resolve) => this.waiting.push(resolve));
    return super.open();
  }

  async unlock(): Promise<void> {
    await eventually(() => expect(this.waiting).not.toEqual([]));
    this.waiting.shift()?.();
  }
}

function working() {
  const machine = new BusyRuntime(observedState(desiredState([{ name: 'a' }, { name: 'b', config: { hooks } }])));
  const { signal } = new AbortController();
  const now = () => 0;
  const work = new Work({
    project,
    runtime: machine,
    now,
    signal,
    onEvent: () => {},
    warn: () => {},
    onDone: () => {},
  });
  const end = (name: string): ContainerName => {
    machine.exit(name, 1);
    return machine.container(name).name;
  };
  const endOf = (container: ContainerName): number => {
    const { status } = machine.container(container);
    return 'finishedAtMs' in status ? status.finishedAtMs : 0;
  };
  const restart = (container: ContainerName): void =>
    work.restart({ container, endedAtMs: endOf(container), exitCode: 1, attempt: 1, onRefused: () => {} });
  const starts = () => machine.performed.filter((step) => step.startsWith('start '));
  return { machine, work, end, endOf, restart, starts };
}

const asked = ({ waiting }: BusyRuntime) => eventually(() => expect(waiting).toHaveLength(1));

test('what becomes due while the lock is waited for is restarted along', async () => {
  const { machine, end, restart, starts } = working();
  restart(end('shop-a-1'));
  await asked(machine);
  restart(end('shop-b-1'));
  await machine.unlock();
  await eventually(() => expect(starts()).toEqual(['start shop-a-1', 'start shop-b-1']));
  expect(machine.waiting).toEqual([]);
});

test('a hook after an end comes before the next life, whoever else is due', async () => {
  const { machine, work, end, restart, starts } = working();
  restart(end('shop-a-1'));
  await asked(machine);
  const b = end('shop-b-1');
  work.runPostStop(b);
  restart(b);
  await machine.unlock();
  await eventually(() => expect(starts()).toEqual(['start shop-a-1']));
  await machine.unlock();
  await eventually(() => expect(machine.performed.join()).toContain('hook'));
  await machine.unlock();
  await eventually(() => expect(starts()).toEqual(['start shop-a-1', 'start shop-b-1']));
});

test('dependents are looked for when the session that has started their dependency is over', async () => {
  const { machine, work, end, restart, starts } = working();
  restart(end('shop-a-1'));
  await asked(machine);
  work.restartDependents('a' as ServiceName);
  expect(machine.waiting).toHaveLength(1);
  await machine.unlock();
  await asked(machine);
  expect(starts()).toEqual(['start shop-a-1']);
  await machine.unlock();
});
