import { execFileSync } from 'node:child_process';
import { describe, expect } from 'vitest';
import { running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { processesOf, supervisorsOf } from '../support/leaks.ts';
import { type Rig, scenario } from '../support/scenario.ts';

/** Processes of the containers themselves. */
const guests = (rig: Rig) => processesOf(rig.project).filter(({ because }) => because.startsWith('cgroup'));

describe('processes that are forked all the time while a container is stopped', () => {
  scenario('go with it, all of them, by stop and by down', ['pids controller', 'cpu controller'], async (rig) => {
    const limits = { pids_limit: 60, cpus: 0.25, stop_grace_period: '300ms' };
    // Of the second no pid namespace takes them along; the third has nobody who would reap them.
    rig.stack({
      own: rig.puppet('own', limits),
      shared: rig.puppet('shared', { ...limits, pid: 'host' }),
      bare: rig.puppet('bare', { ...limits, init: false }),
    });
    await rig.hold();
    for (const ending of ['stop', 'down']) {
      await rig.ok(['up', '-d']);
      for (const name of ['own', 'shared', 'bare']) {
        const puppet = await rig.next(name);
        await running(rig, name);
        // One ends as it is told, the others have to be killed.
        if (name !== 'own') await puppet.do('ignore 15');
        await puppet.do('churn 20');
      }
      await rig.ok([ending]);
      await eventually(() => expect(guests(rig)).toEqual([]));
    }
  });
});

/** The one supervisor of a project, once it is there. */
const supervisorOf = (rig: Rig): Promise<number> =>
  eventually(() => {
    const [pid, ...others] = supervisorsOf(rig.project);
    expect([pid, others]).toEqual([expect.any(Number), []]);
    return pid as number;
  });

describe('a supervisor that may open no more files', () => {
  scenario('loses nothing: the next one does its work', ['prlimit'], async (rig) => {
    const service = (name: string) => rig.puppet(name, { restart: 'always' });
    rig.stack({ a: service('a'), b: service('b') });
    await rig.up();
    (await rig.next('a')).tell('exit 1');
    const [a, b] = [await rig.next('a'), await rig.next('b')];
    const supervisor = await supervisorOf(rig);
    execFileSync('prlimit', [`--pid=${supervisor}`, '--nofile=4:']);
    a.tell('exit 2');
    b.tell('exit 3');
    await rig.next('a');
    await rig.next('b');
    await eventually(() => expect(supervisorsOf(rig.project)).not.toContain(supervisor));
    const history = await rig.ok(['why', 'b']);
    expect(history.stdout).toMatch(/code 3/);
  });
});
