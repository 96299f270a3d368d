import { describe, expect } from 'vitest';
import { running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { processesOf } from '../support/leaks.ts';
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
