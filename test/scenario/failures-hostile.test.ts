import { describe, expect } from 'vitest';
import { running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { tracesOf } from '../support/leaks.ts';
import { type Rig, scenario } from '../support/scenario.ts';

const tools = ['sh', 'sleep', 'mount', 'umount', 'dd', 'cat', 'mkdir'];

/** A container that runs this script, says that it is ready, and stays. */
async function having(rig: Rig, script: string, more: object = {}): Promise<void> {
  const command = ['sh', '-c', `${script}\necho ready; exec sleep 1000`];
  rig.stack({ web: { rootfs: { host: tools }, command, network_mode: 'none', stop_grace_period: '0s', ...more } });
  await rig.ok(['up', '-d']);
  await eventually(async () => expect((await rig.ok(['logs', 'web'])).stdout).toContain('ready'));
}

const said = async (rig: Rig, script: string) => rig.cli(['exec', '-T', 'web', 'sh', '-c', script]);

async function endsAsEver(rig: Rig): Promise<void> {
  const { pid } = await running(rig, 'web');
  await rig.ok(['restart', '-t', '0']);
  expect((await running(rig, 'web')).pid).not.toBe(pid);
  await rig.ok(['down']);
  await eventually(() => expect(Object.values(tracesOf([rig.project])).flat()).toEqual([]));
}

describe('a container', () => {
  scenario('that fills its /dev/shm can be entered, restarted and removed as ever', [], async (rig) => {
    await having(rig, 'dd if=/dev/zero of=/dev/shm/all bs=65536 2>&1', { shm_size: '4m' });
    expect((await rig.ok(['logs', 'web'])).stdout).toMatch(/No space left/);
    expect((await said(rig, 'echo x > /dev/shm/more')).code).not.toBe(0);
    expect((await said(rig, 'echo in')).stdout).toBe('in\n');
    await endsAsEver(rig);
  });

  scenario(
    'that mounts another /proc over its own, and takes that away, is known and ended as ever',
    [],
    async (rig) => {
      const mine =
        'mkdir /mine; mount -t tmpfs none /mine; mkdir -p /mine/self/ns /mine/self/fd; echo tsc:setup > /mine/comm';
      await having(rig, `${mine}; mount --bind /mine /proc`, { privileged: true });
      const { pid } = await running(rig, 'web');
      expect((await said(rig, 'cat /proc/comm')).stdout).toBe('tsc:setup\n');
      await rig.ok(['exec', '-T', 'web', 'umount', '/proc']);
      await rig.ok(['exec', '-T', 'web', 'umount', '/proc']);
      expect((await said(rig, 'echo in; echo /proc/*')).stdout).toBe('in\n/proc/*\n');
      expect((await running(rig, 'web')).pid).toBe(pid);
      await endsAsEver(rig);
    },
  );
});
