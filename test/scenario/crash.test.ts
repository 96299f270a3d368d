import { existsSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { over, running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { keepersOf, killed, killOurs, monitorsOf, processesOf, supervisorsOf, tracesOf } from '../support/leaks.ts';
import { ended, type Rig, scenario } from '../support/scenario.ts';

const monitorOf = (rig: Rig): number => {
  const monitors = monitorsOf(rig.project);
  expect(monitors.length, JSON.stringify(processesOf(rig.project))).toBe(1);
  return monitors[0]!.pid;
};

/** And the keeper, which would see to a new one. */
async function killMonitor(rig: Rig): Promise<void> {
  const monitor = monitorOf(rig);
  killOurs(rig.project);
  await eventually(() => expect(existsSync(`/proc/${monitor}`)).toBe(false));
}

describe('a monitor killed with SIGKILL', () => {
  scenario('is replaced at once, and no line is lost in between', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    const web = await rig.next('web');
    const { pid } = await running(rig, 'web');
    const monitor = monitorOf(rig);
    killed(monitor);
    await web.print('nobody listens\n');
    await eventually(() => {
      const [next, ...others] = monitorsOf(rig.project).map((each) => each.pid);
      expect(next).not.toBe(monitor);
      expect(next).toBeDefined();
      expect(others).toEqual([]);
    });
    await eventually(async () => expect((await rig.ok(['logs', 'web'])).stdout).toContain('nobody listens'));
    expect((await running(rig, 'web')).pid).toBe(pid);
    await eventually(() => expect(supervisorsOf(rig.project)).toEqual([]));
  });

  scenario('keeps no container from being restarted as its policy says', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { restart: 'on-failure' }) });
    await rig.up();
    const web = await rig.next('web');
    killed(monitorOf(rig));
    web.tell('exit 3');
    await rig.next('web');
    await running(rig, 'web');
    await eventually(() => expect(monitorsOf(rig.project)).toHaveLength(1));
  });

  scenario('is noticed by a keeper that is back when it was killed itself', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { restart: 'always' }), db: rig.puppet('db') });
    await rig.up();
    await rig.next('db');
    const web = await rig.next('web');
    const [keeper] = await eventually(() => {
      expect(keepersOf(rig.project)).toHaveLength(1);
      return keepersOf(rig.project);
    });
    killed(keeper as number);
    await eventually(() => {
      expect(keepersOf(rig.project)).toHaveLength(1);
      expect(keepersOf(rig.project)).not.toContain(keeper);
    });
    for (const { pid } of monitorsOf(rig.project)) killed(pid);
    web.tell('exit 1');
    await rig.next('web');
    await eventually(() => expect(monitorsOf(rig.project)).toHaveLength(2));
  });

  scenario('loses no container: the next up adopts it as it runs', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    const web = await rig.next('web');
    const { pid } = await running(rig, 'web');
    await killMonitor(rig);
    await rig.ok(['up', '-d']);
    expect((await running(rig, 'web')).pid).toBe(pid);
    await web.print('still talking\n');
    await eventually(async () => expect((await rig.ok(['logs', 'web'])).stdout).toContain('still talking'));
    expect(monitorsOf(rig.project).length).toBe(1);
  });

  scenario('loses no log line written while it was dead', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    const web = await rig.next('web');
    await web.print('before\n');
    await eventually(async () => expect((await rig.ok(['logs', 'web'])).stdout).toContain('before'));
    await killMonitor(rig);
    await web.print('meanwhile\n');
    await rig.ok(['up', '-d']);
    await web.print('after\n');
    await eventually(async () => {
      expect((await rig.ok(['logs', '--no-log-prefix', 'web'])).stdout).toBe('before\nmeanwhile\nafter\n');
    });
  });

  scenario('loses no exit code: the init of the container has written it down', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    const web = await rig.next('web');
    await killMonitor(rig);
    web.tell('exit 7');
    await web.gone;
    expect((await over(rig, 'web')).status).toMatchObject({ kind: 'exited', exitCode: 7 });
  });

  scenario('does not keep down from removing everything', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    await rig.next('web');
    await killMonitor(rig);
    await rig.ok(['down', '-v']);
    await eventually(() => expect(Object.values(tracesOf([rig.project])).flat()).toEqual([]));
  });
});

describe('the command line killed with SIGKILL', () => {
  scenario('in the middle of up leaves what the next up completes', [], async (rig) => {
    const names = Array.from({ length: 6 }, (_, i) => `s${i}`);
    rig.stack(Object.fromEntries(names.map((name) => [name, rig.puppet(name)])));
    await rig.hold();
    const up = rig.start(['up', '-d']);
    const first = ended(up);
    await eventually(() => expect(processesOf(rig.project).length).toBeGreaterThan(0), { withinMs: 20_000 });
    up.kill('SIGKILL');
    await first;
    await rig.ok(['up', '-d']);
    for (const name of names) await running(rig, name);
    expect(monitorsOf(rig.project).length).toBe(names.length);
  });
});
