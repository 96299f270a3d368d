import { existsSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { fileText, inspectionIn } from '../support/inspection.ts';
import { later } from '../support/later.ts';
import { idle, inside } from '../support/networked.ts';
import { ended, type Rig, scenario } from '../support/scenario.ts';
import { inTerminal, tscompose } from '../support/terminal.ts';

const shell = { rootfs: { host: ['busybox', 'sh'] }, command: ['busybox', 'sleep', '1000'], network_mode: 'none' };
const names = async (rig: Rig) => (await rig.ps()).map(({ name }) => name);

describe('run', () => {
  scenario(
    'starts what the service needs, then its own container, and ends with the code of its command',
    [],
    async (rig) => {
      rig.stack({ web: rig.puppet('web', { depends_on: ['db'] }), db: rig.puppet('db'), other: rig.puppet('other') });
      await rig.hold();
      const call = rig.start(['run', '--rm', '-T', 'web', '/bin/puppet', '/strings/ctl', 'once']);
      await rig.next('db');
      const once = await rig.next('once');
      expect(await names(rig)).toEqual([`${rig.project}-db-1`, expect.stringMatching(/-web-run-[0-9a-f]{8}$/)]);
      const end = ended(call);
      once.tell('exit 7');
      expect((await end).code).toBe(7);
      expect(await names(rig)).toEqual([`${rig.project}-db-1`]);
    },
  );

  scenario('--no-deps starts nothing else', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { depends_on: ['db'] }), db: rig.puppet('db') });
    const { stdout } = await rig.ok(['run', '--rm', '-T', '--no-deps', 'web', '/bin/inspect']);
    expect(inspectionIn(stdout).env).toContain('HOME=/root');
    expect(await names(rig)).toEqual([]);
  });

  scenario('takes what the command line says about the service', [], async (rig) => {
    rig.stack({ web: { ...rig.puppet('web', { environment: { KEPT: '1', CHANGED: 'file' } }) } });
    rig.write('here/note', 'from the host');
    rig.write('more.env', 'LOADED=file\n');
    const line = [
      '-e',
      'CHANGED=a$b',
      '--env-from-file',
      'more.env',
      '-u',
      '1000:1001',
      '-w',
      '/tmp',
      '-v',
      './here:/here:ro',
    ];
    const { stdout } = await rig.ok(['run', '--rm', '-T', ...line, '--entrypoint', '/bin/inspect', 'web']);
    const seen = inspectionIn(stdout);
    expect(seen.env).toEqual(expect.arrayContaining(['KEPT=1', 'CHANGED=a$b', 'LOADED=file']));
    expect({ cwd: seen.cwd, uid: seen.uid, gid: seen.gid }).toEqual({ cwd: '/tmp', uid: 1000, gid: 1001 });
    expect(fileText(seen, '/proc/self/mountinfo')).toMatch(/ \/here ro/);
    const wrong = await rig.cli(['run', '--rm', '-v', ':/nowhere', 'web']);
    expect([wrong.code, wrong.stderr]).toEqual([3, expect.stringContaining('<command line>:')]);
  });

  scenario('passes input and output through as they are', ['busybox'], async (rig) => {
    rig.stack({ web: shell });
    const bytes = `${'x'.repeat(300_000)}the end`;
    const { code, stdout } = await rig.cli(['run', '--rm', '-T', 'web', 'busybox', 'cat'], { input: bytes });
    expect([code, stdout === bytes]).toEqual([0, true]);
    const missing = await rig.cli(['run', '--rm', '-T', 'web', 'no-such-program']);
    expect([missing.code, missing.stderr]).toEqual([127, expect.stringContaining('no-such-program')]);
    expect((await rig.cli(['run', '--rm', '-T', 'web', 'sh', '-c', 'kill -9 $$'])).code).toBe(137);
  });

  scenario('without --rm it stays, with its exit code, is no orphan, and goes with down', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.hold();
    const call = rig.start(['run', '-T', '--name', 'kept', 'web', '/bin/puppet', '/strings/ctl', 'once']);
    (await rig.next('once')).tell('exit 3');
    expect((await ended(call)).code).toBe(3);
    expect(await rig.row('web')).toMatchObject({ name: 'kept', status: { kind: 'exited', exitCode: 3 } });
    const again = await rig.cli(['run', '-T', '--name', 'kept', 'web']);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('kept already')]);
    const up = await rig.up('--remove-orphans');
    expect(up.stderr).not.toContain('orphan');
    await rig.next('web');
    expect(await names(rig)).toEqual(['kept', `${rig.project}-web-1`]);
    await rig.ok(['rm']);
    expect(await names(rig)).toEqual([`${rig.project}-web-1`]);
  });

  scenario('down ends what still runs, with the grace of the service', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { stop_grace_period: '30s' }) });
    await rig.hold();
    const call = rig.start(['run', '--rm', '-T', 'web', '/bin/puppet', '/strings/ctl', 'once']);
    const once = await rig.next('once');
    await once.do('catch 15');
    const down = later(rig.ok(['down']));
    await eventually(async () => expect(await once.say('read /absent')).toBe('signal 15'));
    const end = ended(call);
    once.tell('exit 4');
    expect((await end).code).toBe(4);
    await down;
    expect(await names(rig)).toEqual([]);
  });

  scenario('detached runs by itself, and with --rm is gone when it has ended', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.hold();
    const { stdout } = await rig.ok(['run', '-d', '--rm', 'web', '/bin/puppet', '/strings/ctl', 'once']);
    const once = await rig.next('once');
    expect(await rig.row('web')).toMatchObject({ name: stdout.trim(), status: { kind: 'running' } });
    once.tell('exit 0');
    await eventually(async () => expect(await names(rig)).toEqual([]));
    expect(existsSync(`/var/lib/tscompose/projects/${rig.project}/containers/${stdout.trim()}`)).toBe(false);
  });

  scenario('is found by the names of its service with --use-aliases only', [], async (rig) => {
    rig.stack({ web: idle({ networks: { default: { aliases: ['shop'] } } }), ask: idle() });
    await rig.up('ask');
    const look = (name: string) => inside(rig, 'ask', `getent hosts ${name} || echo nobody`);
    await rig.ok(['run', '-d', '--rm', '--name', `${rig.project}-plain`, 'web']);
    for (const name of ['web', 'shop']) expect(await look(name)).toBe('nobody\n');
    await rig.ok(['run', '-d', '--rm', '--name', `${rig.project}-known`, '--use-aliases', 'web']);
    for (const name of ['web', 'shop']) expect(await look(name)).toContain(name);
  });

  scenario('removes orphans when it is asked to', [], async (rig) => {
    rig.stack({ web: rig.inspector(), old: rig.puppet('old') });
    await rig.up('old');
    rig.stack({ web: rig.inspector() });
    await rig.ok(['run', '--rm', '-T', 'web']);
    expect(await names(rig)).toEqual([`${rig.project}-old-1`]);
    await rig.ok(['run', '--rm', '-T', '--remove-orphans', 'web']);
    expect(await names(rig)).toEqual([]);
  });

  scenario('what a kill -9 leaves behind is cleared away by the next command', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    await rig.next('web');
    const call = rig.start(['run', '--rm', '-T', 'web', '/bin/puppet', '/strings/ctl', 'once']);
    const once = await rig.next('once');
    call.kill('SIGKILL');
    await once.gone;
    expect(await names(rig)).toHaveLength(2);
    await rig.ok(['up', '-d']);
    expect(await names(rig)).toEqual([`${rig.project}-web-1`]);
  });

  scenario('up does not end what somebody is attached to', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.hold();
    const call = rig.start(['run', '--rm', '-T', 'web', '/bin/puppet', '/strings/ctl', 'once']);
    const once = await rig.next('once');
    await rig.up();
    await rig.next('web');
    await rig.ok(['up', '-d', '--force-recreate']);
    await rig.next('web');
    await once.do('write /tmp/x 41');
    const end = ended(call);
    once.tell('exit 0');
    expect((await end).code).toBe(0);
    await running(rig, 'web');
  });
});

describe('in a terminal', () => {
  inTerminal('run gives a shell that knows the size of the window and its changes', async (rig, terminal) => {
    rig.stack({ web: { ...shell, rootfs: { host: ['busybox', 'sh', 'stty'] } } });
    terminal.type(tscompose(rig, 'run --rm -q web sh'));
    await eventually(() => expect(terminal.screen()).toMatch(/^#$/m));
    terminal.type('stty size');
    await eventually(() => expect(terminal.screen()).toMatch(/^24 80$/m));
    terminal.resize(100, 30);
    await eventually(() => {
      terminal.type('stty size');
      expect(terminal.screen()).toMatch(/^30 100$/m);
    });
    terminal.type('busybox sleep 1000');
    await eventually(() => expect(terminal.screen()).toMatch(/# busybox sleep 1000\n/));
    terminal.press('C-c');
    terminal.type('echo still $((40 + 2))');
    await eventually(() => expect(terminal.screen()).toContain('still 42'));
    terminal.type('exit 6');
    await eventually(() => expect(terminal.screen()).toMatch(/ready:$/m));
    terminal.type('echo code $?');
    await eventually(() => expect(terminal.screen()).toContain('code 6'));
    expect(terminal.isSane()).toBe(true);
  });
});
