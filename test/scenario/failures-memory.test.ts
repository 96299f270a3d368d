import { describe, expect } from 'vitest';
import { limitFile, running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { scenario } from '../support/scenario.ts';

/** It keeps what it reads until a line ends, and there is none. */
const hog = ['tail', '/dev/zero'];
const small = { mem_limit: '48m', memswap_limit: '48m', network_mode: 'none', stop_grace_period: '500ms' };

describe('out of memory', () => {
  scenario('in an exec ends that command, and the container goes on', ['memory controller'], async (rig) => {
    rig.stack({ web: { rootfs: { host: ['sleep', 'tail'] }, command: ['sleep', '1000'], ...small } });
    await rig.ok(['up', '-d']);
    const { pid } = await running(rig, 'web');
    expect((await rig.cli(['exec', '-T', 'web', ...hog])).code).toBe(137);
    expect((await running(rig, 'web')).pid).toBe(pid);
  });

  scenario(
    'in a child ends the child, and the command of the container hears of it',
    ['memory controller'],
    async (rig) => {
      const script = 'tail /dev/zero; echo "child ended with $?"; exec sleep 1000';
      rig.stack({ web: { rootfs: { host: ['sh', 'sleep', 'tail'] }, command: ['sh', '-c', script], ...small } });
      await rig.ok(['up', '-d']);
      const said = async () => (await rig.ok(['logs', '--no-log-prefix', 'web'])).stdout;
      await eventually(async () => expect(await said()).toBe('child ended with 137\n'));
      await running(rig, 'web');
    },
  );

  scenario('without the killer hangs the container, and down removes it all the same', ['v1 memory'], async (rig) => {
    rig.stack({ web: { rootfs: { host: ['tail'] }, command: hog, oom_kill_disable: true, ...small } });
    await rig.ok(['up', '-d']);
    const { pid } = await running(rig, 'web');
    await eventually(() => {
      expect(limitFile(pid, 'memory', 'memory.oom_control', 'memory.events')).toContain('under_oom 1');
    });
    await rig.ok(['down']);
    expect(await rig.ps()).toEqual([]);
  });
});
