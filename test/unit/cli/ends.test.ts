import { expect, test } from 'vitest';
import { Ends, prospectOf } from '../../../src/cli/ends.ts';
import type { ContainerStatus, ObservedContainer } from '../../../src/model/state.ts';
import { desiredState, exited, observedState, running } from '../../support/builders.ts';

const containerOf = (restart: ObservedContainer['config']['restart'], status: ContainerStatus): ObservedContainer => {
  const [container] = observedState(desiredState([{ name: 'web', config: { restart } }])).containers;
  return { ...container!, status };
};
const never = { condition: 'no' } as const;
const failing = { condition: 'on-failure', maxAttempts: 2 } as const;

function watcher(sinceMs = 0) {
  const heard: string[] = [];
  const ends = new Ends({ sinceMs, onEnd: ({ name }, restarting) => heard.push(`${name} ${restarting}`) });
  return { ends, heard };
}

test('an end that is reported twice is heard once', () => {
  const { ends, heard } = watcher();
  ends.see(containerOf(never, running));
  expect([...ends.living]).toEqual(['shop-web-1']);
  ends.see(containerOf(never, exited(3)));
  ends.see(containerOf(never, exited(3)));
  expect(heard).toEqual(['shop-web-1 false']);
  expect(ends.ended.map(({ exitCode }) => exitCode)).toEqual([3]);
  expect(ends.living.size).toBe(0);
});

test('an end from before the command is old news, and nobody lives because of it', async () => {
  const { ends, heard } = watcher(5000);
  ends.see(containerOf(never, exited(3)));
  await ends.all();
  expect([heard, ends.ended]).toEqual([[], []]);
});

test('what its policy will restart lives on, until the user stops it or attempts are used up', () => {
  const { ends, heard } = watcher();
  ends.see(containerOf(failing, exited(1)));
  expect([heard, ends.living.size]).toEqual([['shop-web-1 true'], 1]);
  ends.see({ ...containerOf(failing, exited(1)), stoppedByUser: true });
  expect([heard, ends.living.size]).toEqual([['shop-web-1 true'], 0]);
  expect(prospectOf({ ...containerOf(failing, exited(1)), restarts: 2 })).toBe('unknown');
  expect(prospectOf({ ...containerOf(failing, exited(1)), restarts: 2, givenUp: 'attempts-used-up' })).toBe('stays');
  expect(prospectOf(containerOf(failing, exited(0)))).toBe('stays');
  expect(prospectOf(containerOf({ condition: 'always' }, running))).toBe('stays');
});

test('an end whose record counts the next life already is not the last one', () => {
  const { ends, heard } = watcher();
  const counted = { ...containerOf(failing, exited(1)), restarts: 2 };
  ends.see(counted);
  expect([heard, ends.ended, ends.living.size]).toEqual([[], [], 1]);
  ends.see({ ...containerOf(failing, running), restarts: 2 });
  expect(heard).toEqual(['shop-web-1 true']);
  ends.see({ ...counted, status: { ...exited(1), finishedAtMs: 9000 } as ContainerStatus });
  expect([heard.length, ends.living.size]).toEqual([1, 1]);
  ends.over('shop-web-1' as never);
  expect([heard, ends.living.size]).toEqual([['shop-web-1 true', 'shop-web-1 false'], 0]);
  expect(ends.ended.map(({ exitCode }) => exitCode)).toEqual([1]);
});

test('the next life may be over before it was seen', () => {
  const { ends, heard } = watcher();
  for (const finishedAtMs of [1000, 2000]) {
    ends.see({ ...containerOf(failing, { ...exited(1), finishedAtMs } as ContainerStatus), restarts: 2 });
  }
  expect(heard).toEqual(['shop-web-1 true']);
});

test('the first end that passes a test is found in the past and awaited in the future', async () => {
  const { ends } = watcher();
  const failure = ends.first(({ exitCode }) => exitCode !== 0);
  ends.see(containerOf(never, exited(0)));
  expect((await ends.first(() => true)).exitCode).toBe(0);
  ends.see({ ...containerOf(never, { ...exited(9), finishedAtMs: 3000 } as ContainerStatus) });
  expect((await failure).exitCode).toBe(9);
});

test('all are over when the last one has ended or was removed', async () => {
  const { ends } = watcher();
  ends.see(containerOf(never, running));
  const all = ends.all();
  ends.gone('shop-web-1' as never);
  await all;
});

test('what its supervisor has given up is over, whether that is heard before its end or after', () => {
  for (const early of [true, false]) {
    const { ends } = watcher();
    const always = { condition: 'always' } as const;
    ends.see(containerOf(always, running));
    if (early) ends.over('shop-web-1' as never);
    ends.see(containerOf(always, exited(1)));
    if (!early) ends.over('shop-web-1' as never);
    expect([ends.living.size, ends.ended.length]).toEqual([0, 1]);
    ends.see(containerOf(always, running));
    ends.see(containerOf(always, { ...exited(1), finishedAtMs: 9000 } as ContainerStatus));
    expect(ends.living.size).toBe(1);
  }
});
