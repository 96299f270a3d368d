import { describe, expect } from 'vitest';
import { running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { ended, type Rig, scenario } from '../support/scenario.ts';
import { inTerminal, tscompose } from '../support/terminal.ts';

const objects = async (rig: Rig, ...args: string[]) =>
  (await rig.ok([...args, '--json'])).stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

describe('top', () => {
  scenario('lists the processes of the named services by their host and guest pids', [], async (rig) => {
    rig.stack({ web: rig.puppet('web'), other: rig.puppet('other') });
    await rig.up();
    const web = await rig.next('web');
    await web.do('fork 2');
    const { pid } = await running(rig, 'web');
    const rows = await objects(rig, 'top', 'web');
    expect(rows).toHaveLength(4);
    expect(rows[0]).toMatchObject({ container: `${rig.project}-web-1`, service: 'web', pid, guestPid: 1, uid: 0 });
    expect(rows[1]).toMatchObject({ ppid: pid, guestPid: web.guestPid, command: '/bin/puppet /strings/ctl web' });
    const { stdout } = await rig.ok(['top']);
    expect(stdout.split('\n')[0]).toMatch(/^SERVICE +# +UID +PID +PPID/);
    expect(stdout).toMatch(/^other +1 +0 +\d+ +\d+ +1 /m);
  });
});

describe('stats', () => {
  scenario(
    'says what a container uses, and under which limits',
    ['memory controller', 'pids controller'],
    async (rig) => {
      rig.stack({ web: rig.puppet('web', { mem_limit: '64m', pids_limit: 50 }), idle: rig.puppet('idle') });
      await rig.up();
      const web = await rig.next('web');
      const [before] = await objects(rig, 'stats', '--no-stream', 'web');
      await web.do('hog 20');
      await web.do('fork 3');
      await web.do('spin');
      const [after] = await objects(rig, 'stats', '--no-stream', 'web');
      expect(after.memoryBytes - before.memoryBytes).toBeGreaterThan(19 << 20);
      expect(after.memoryBytes - before.memoryBytes).toBeLessThan(30 << 20);
      expect(after).toMatchObject({ container: `${rig.project}-web-1`, memoryLimitBytes: 64 << 20, pidsLimit: 50 });
      expect(after.pids - before.pids).toBe(4);
      expect(after.cpuPercent).toBeGreaterThan(10);
      const { stdout } = await rig.ok(['stats', '--no-stream', '--format', '{{.Name}}: {{.MemUsage}}']);
      expect(stdout).toMatch(new RegExp(`^${rig.project}-web-1: \\d.*MiB / 64MiB$`, 'm'));
    },
  );

  scenario('goes on until it is interrupted, and sees a container start anew', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    await rig.next('web');
    const call = rig.start(['stats', '--json']);
    let text = '';
    call.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    const end = ended(call);
    const last = () => JSON.parse(text.trim().split('\n').at(-1) as string);
    await eventually(() => expect(last().pids).toBe(2));
    await rig.ok(['restart']);
    const web = await rig.next('web');
    await web.do('fork 5');
    await eventually(() => expect(last().pids).toBe(7));
    call.kill('SIGINT');
    expect((await end).code).toBe(0);
  });

  inTerminal('redraws its lines in place', async (rig, terminal) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    const web = await rig.next('web');
    terminal.type(tscompose(rig, 'stats'));
    await eventually(() => expect(terminal.screen()).toMatch(/^web-1 .*% +2 /m));
    await web.do('fork 5');
    await eventually(() => expect(terminal.screen()).toMatch(/^web-1 .*% +7 /m));
    expect(terminal.screen().match(/MEM USAGE/g)).toHaveLength(1);
    terminal.press('C-c');
    terminal.type('echo code $?');
    await eventually(() => expect(terminal.screen()).toContain('code 0'));
    expect(terminal.isSane()).toBe(true);
  });
});

describe('limits', () => {
  scenario(
    'puts what was asked for beside what is in force, used and was reached',
    ['cpu controller', 'memory controller', 'pids controller'],
    async (rig) => {
      rig.stack({ web: rig.puppet('web', { mem_limit: '64m', pids_limit: 50, cpus: 0.25 }), free: rig.puppet('free') });
      await rig.up();
      const web = await rig.next('web');
      await web.do('hog 20');
      const rows = await objects(rig, 'limits', 'web');
      expect(rows.find(({ limit }) => limit === 'cpus')).toMatchObject({ requested: 0.25, applied: 0.25 });
      expect(rows.find(({ limit }) => limit === 'pids')).toMatchObject({ requested: 50, applied: 50, used: 2 });
      const memory = rows.find(({ limit }) => limit === 'memory');
      expect(memory).toMatchObject({ requested: 64 << 20, applied: 64 << 20 });
      expect(memory.peak).toBeGreaterThan(20 << 20);
      expect((await rig.ok(['limits', 'free'])).stdout).toMatch(/memory +none +none/);
    },
  );
});

describe('images and volumes', () => {
  scenario('tell which root filesystems and volumes are in use', [], async (rig) => {
    const web = rig.puppet('web', { volumes: ['data:/data'] });
    rig.stack({ web, other: rig.puppet('other') }, { volumes: { data: {}, unused: {} } });
    await rig.up();
    expect(await objects(rig, 'images', 'web')).toEqual([
      { container: `${rig.project}-web-1`, service: 'web', rootfs: { kind: 'directory', path: rig.path('root') } },
    ]);
    const volumes = await objects(rig, 'volumes');
    expect(volumes).toEqual([
      {
        name: `${rig.project}_data`,
        key: 'data',
        path: expect.stringContaining('_data'),
        createdAtMs: expect.any(Number),
        usedBy: [`${rig.project}-web-1`],
      },
    ]);
    expect((await rig.ok(['volumes', '-q', 'other'])).stdout).toBe('');
  });
});
