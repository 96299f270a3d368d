import { describe, expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { inTerminal, tscompose } from '../support/terminal.ts';

describe('in a terminal', () => {
  inTerminal('up shows one line a container, then their output, and Ctrl-C stops them', async (rig, terminal) => {
    rig.stack({ web: rig.puppet('web'), job: rig.puppet('job', { depends_on: ['web'] }) });
    terminal.type(tscompose(rig, 'up'));
    await (await rig.next('web')).print('first words\n');
    await (await rig.next('job')).print('working\n');
    await eventually(() => expect(terminal.screen()).toMatch(/web-1 +\| first words/));
    await eventually(() => expect(terminal.screen()).toMatch(/job-1 +\| working/));
    expect(terminal.screen()).toMatch(/\[\+\] up 2\/2/);
    expect(terminal.screen()).toMatch(new RegExp(`✔ ${rig.project}-job-1 +started`));
    terminal.press('C-c');
    await eventually(() => expect(terminal.screen()).toMatch(/web-1 exited with code/));
    terminal.type('echo code $?');
    await eventually(() => expect(terminal.screen()).toContain('code 0'));
    expect(terminal.isSane()).toBe(true);
  });

  inTerminal('d leaves the containers running and gives the terminal back', async (rig, terminal) => {
    rig.stack({ web: rig.puppet('web') });
    terminal.type(tscompose(rig, 'up'));
    await (await rig.next('web')).print('first words\n');
    await eventually(() => expect(terminal.screen()).toContain('d detaches, Ctrl-C stops'));
    await eventually(() => expect(terminal.screen()).toMatch(/web-1 +\| first words/));
    terminal.press('d');
    await eventually(() => expect(terminal.screen()).toContain('detached; the containers go on running'));
    terminal.type('echo code $?; stty -a | grep -o -- "-*icanon"');
    await eventually(() => expect(terminal.screen()).toMatch(/^code 0\nicanon$/m));
    expect((await rig.row('web')).status.kind).toBe('running');
  });

  inTerminal('Ctrl-Z suspends an up that shows output, and fg goes on with it', async (rig, terminal) => {
    rig.stack({ web: rig.puppet('web') });
    terminal.type(tscompose(rig, 'up'));
    const web = await rig.next('web');
    await eventually(() => expect(terminal.screen()).toContain('d detaches, Ctrl-C stops'));
    terminal.press('C-z');
    await eventually(() => expect(terminal.screen()).toMatch(/\[1\].*Stopped/));
    terminal.type('fg');
    await web.print('still there\n');
    await eventually(() => expect(terminal.screen()).toMatch(/web-1 +\| still there/));
    terminal.press('C-c');
    await eventually(() => expect(terminal.screen()).toMatch(/web-1 exited with code/));
    expect(terminal.isSane()).toBe(true);
  });

  inTerminal('a failure leaves its block with the line of the file, and a usable terminal', async (rig, terminal) => {
    rig.stack({ web: rig.puppet('web', { command: ['/bin/absent'] }) });
    terminal.type(`${tscompose(rig, 'up')}; echo code $?`);
    await eventually(() => expect(terminal.screen()).toContain('code 3'));
    expect(terminal.screen()).toMatch(/error\[command-missing\]/);
    expect(terminal.screen()).toContain('^');
    expect(terminal.isSane()).toBe(true);
  });

  inTerminal('a kill -9 in the middle leaves a usable terminal', async (rig, terminal) => {
    rig.stack({ web: rig.puppet('web', { stop_grace_period: '30s' }) });
    await rig.up();
    await (await rig.next('web')).do('ignore 15');
    terminal.type(`${tscompose(rig, 'down')} & sleep 1; kill -9 $!; wait; clear; echo still here`);
    await eventually(() => expect(terminal.screen()).toMatch(/^still here/m));
    expect(terminal.isSane()).toBe(true);
    await rig.ok(['kill']);
  });

  inTerminal('exec gives the command a terminal and its exit code', async (rig, terminal) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    await rig.next('web');
    terminal.type(`${tscompose(rig, 'exec web /bin/inspect')} >/dev/null; echo code $?`);
    await eventually(() => expect(terminal.screen()).toContain('code 0'));
    expect(terminal.isSane()).toBe(true);
  });
});
