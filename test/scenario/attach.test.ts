import { describe, expect } from 'vitest';
import { running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { ended, scenario } from '../support/scenario.ts';
import { inTerminal, tscompose } from '../support/terminal.ts';

const shell = { rootfs: { host: ['busybox', 'sh', 'stty'] }, network_mode: 'none', stop_grace_period: '0s' };

describe('attach', () => {
  scenario('shows what is written from now on, passes signals on, and ends with the container', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    const web = await rig.next('web');
    await web.print('before\n');
    await web.do('catch 15');
    await eventually(async () => expect((await rig.ok(['logs'])).stdout).toContain('before'));
    const call = rig.start(['attach', 'web']);
    let shown = '';
    call.stdout?.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
    });
    await eventually(async () => {
      await web.print('x');
      expect(shown).toMatch(/^x+$/);
    });
    call.kill('SIGTERM');
    await eventually(async () => expect(await web.say('read /absent')).toBe('signal 15'));
    const end = ended(call);
    web.tell('exit 6');
    expect((await end).code).toBe(6);
  });

  scenario('with --sig-proxy=false a signal is for tscompose alone', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    await rig.next('web');
    const call = rig.start(['attach', '--sig-proxy=false', 'web']);
    await new Promise((resolve) => call.once('spawn', resolve));
    call.kill('SIGTERM');
    await new Promise((resolve) => call.once('close', resolve));
    await running(rig, 'web');
  });

  scenario('types into a container that keeps its input open', ['busybox'], async (rig) => {
    rig.stack({ web: { ...shell, command: ['busybox', 'cat'], stdin_open: true } });
    await rig.up();
    await running(rig, 'web');
    const call = rig.start(['attach', '--detach-keys', 'ctrl-]', 'web'], { input: 'hello there\n' });
    let shown = '';
    call.stdout?.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
    });
    await eventually(() => expect(shown).toBe('hello there\n'));
    call.kill('SIGTERM');
    await new Promise((resolve) => call.once('close', resolve));
    const wrong = await rig.cli(['attach', '--detach-keys', 'escape', 'web']);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('"escape" are no keys')]);
  });

  inTerminal(
    'gives the terminal of the container its size, and leaves it with ctrl-p ctrl-q',
    async (rig, terminal) => {
      rig.stack({ web: { ...shell, command: ['sh'], tty: true, stdin_open: true } });
      await rig.up();
      await running(rig, 'web');
      terminal.type(tscompose(rig, 'attach web'));
      await eventually(() => {
        terminal.type('stty size');
        expect(terminal.screen()).toMatch(/^24 80$/m);
      });
      terminal.resize(100, 30);
      await eventually(() => {
        terminal.type('stty size');
        expect(terminal.screen()).toMatch(/^30 100$/m);
      });
      terminal.press('C-p');
      terminal.press('C-q');
      await eventually(() => expect(terminal.screen()).toMatch(/ready:$/m));
      terminal.type('echo code $?');
      await eventually(() => expect(terminal.screen()).toContain('code 0'));
      expect(terminal.isSane()).toBe(true);
      await running(rig, 'web');
    },
  );
});
