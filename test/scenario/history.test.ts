import { describe, expect } from 'vitest';
import { over, running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { ended, scenario } from '../support/scenario.ts';

describe('why', () => {
  scenario('tells who started a service, how it ended and what it last said', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    const web = await rig.next('web');
    await web.print('cannot open the drawer\n', 'err');
    web.tell('exit 3');
    await over(rig, 'web');
    await eventually(async () => {
      const { stdout } = await rig.ok(['why', 'web']);
      expect(stdout).toMatch(/^\S+-web-1 has ended at [-\d]+ [:.\d]+ with code 3; restart: no\n/);
      expect(stdout).toMatch(/start by up: does not exist\n/);
      expect(stdout).toMatch(/ended after .+ with code 3\n/);
      expect(stdout).toContain('last output\n    cannot open the drawer\n');
    });
    await rig.ok(['start']);
    await running(rig, 'web');
    await rig.ok(['stop']);
    await eventually(async () => {
      const { stdout } = await rig.ok(['why', 'web']);
      expect(stdout).toMatch(/^\S+-web-1 was stopped at .+ by SIGTERM \(code 143\)\n/);
      expect(stdout).toMatch(/start by start: has ended\n/);
      expect(stdout).toMatch(/stop by stop: requested\n/);
      // Its first end is told as well, although nobody but the next command was there to write it down.
      expect(stdout).toMatch(/ended after .+ with code 3\n.*start by start/);
    });
  });

  scenario('tells the end of what it last said, though that was one line of many megabytes', [], async (rig) => {
    const zeros = ['/bin/sh', '-c', 'head -c 20000000 /dev/zero; echo over; exit 3'];
    rig.stack({ web: { rootfs: { host: ['/bin/sh', 'head'] }, command: zeros, network_mode: 'none' } });
    await rig.up();
    await over(rig, 'web');
    const { stdout } = await rig.ok(['why', 'web']);
    expect(stdout).toMatch(/over\n$/);
    expect(stdout.length).toBeLessThan(100_000);
  });

  scenario('tells of a kill for want of memory', ['memory controller'], async (rig) => {
    rig.stack({ web: rig.puppet('web', { mem_limit: '16m' }) });
    await rig.up();
    (await rig.next('web')).tell('hog 64');
    await over(rig, 'web');
    expect((await rig.ok(['why', 'web'])).stdout).toMatch(/by SIGKILL \(code 137\): it was out of memory/);
  });

  scenario('finds the dependency that a service waits for, and speaks JSON', [], async (rig) => {
    const needs = { db: { condition: 'service_completed_successfully' } };
    rig.stack({ db: rig.puppet('db'), web: rig.puppet('web', { depends_on: needs }) });
    await rig.hold();
    const up = ended(rig.start(['up', '-d']));
    (await rig.next('db')).tell('exit 4');
    expect((await up).code).toBe(1);
    const { stdout } = await rig.ok(['why', 'web']);
    expect(stdout).toMatch(
      /-web-1 was made and never started\n {2}depends on\n {4}\S+-db-1 \(completed successfully\)/,
    );
    expect(stdout).toMatch(/with code 4/);
    const json = JSON.parse((await rig.ok(['why', 'db', '--json'])).stdout);
    expect(json).toMatchObject({ service: 'db', containers: [{ status: { kind: 'exited', exitCode: 4 } }] });
    expect((await rig.cli(['why', 'dbb'])).stderr).toContain('did you mean "db"?');
  });

  scenario('remembers what was removed while others of the project are there', [], async (rig) => {
    rig.stack({ web: rig.puppet('web'), other: rig.puppet('other') });
    await rig.up();
    await rig.ok(['rm', '-sf', 'web']);
    const { stdout } = await rig.ok(['why', 'web']);
    expect(stdout).toMatch(/^web has no container\n {2}history of \S+-web-1, which was removed\n/);
    expect(stdout).toMatch(/remove by rm: requested\n/);
  });
});

describe('events', () => {
  scenario('follow what happens, in the words of docker compose', [], async (rig) => {
    rig.stack({ web: rig.puppet('web'), other: rig.puppet('other') });
    await rig.up();
    const web = await rig.next('web');
    const watcher = rig.start(['events', '--json', '--since', '1h', '--until', '2100-01-01', 'web']);
    let heard = '';
    watcher.stdout?.on('data', (chunk: Buffer) => {
      heard += chunk.toString();
    });
    const rows = () =>
      heard
        .split('\n')
        .filter(Boolean)
        .map((text) => JSON.parse(text));
    const watching = ended(watcher);
    await eventually(() => expect(rows().map(({ action }) => action)).toEqual(['create', 'start']));
    web.tell('exit 3');
    await eventually(() => expect(rows().find(({ attributes }) => attributes.exitCode === '3')?.action).toBe('die'));
    watcher.kill('SIGINT');
    expect((await watching).code).toBe(130);
    expect(new Set(rows().map(({ service }) => service))).toEqual(new Set(['web']));
    expect(rows()[0]).toMatchObject({ type: 'container', id: `${rig.project}-web-1`, service: 'web' });
  });

  scenario('are told in the order of things, however soon a container ends, whoever writes them', [], async (rig) => {
    const brief = (program: string, more: object) => ({
      rootfs: { host: ['/bin/true', '/bin/false'] },
      command: [program],
      network_mode: 'none',
      ...more,
    });
    const again = ['crash1', 'crash2', 'crash3', 'crash4', 'crash5', 'crash6'];
    const once = ['once1', 'once2', 'once3', 'once4'];
    rig.stack(
      Object.fromEntries([
        ...again.map((name) => [name, brief('/bin/false', { restart: 'on-failure:2' })]),
        ...once.map((name) => [name, brief('/bin/true', {})]),
      ]),
    );
    await rig.ok(['create']);
    await rig.ok(['rm', '-f', ...once]);
    const watcher = rig.start(['events', '--json', '--since', '1h']);
    let heard = '';
    watcher.stdout?.on('data', (chunk: Buffer) => {
      heard += chunk.toString();
    });
    const watching = ended(watcher);
    const told = (text: string) => {
      const rows = text.split('\n').flatMap((line) => (line.endsWith('}') ? [JSON.parse(line)] : []));
      const ofService = (service: string) => rows.filter((row) => row.service === service);
      return Object.fromEntries([...again, ...once].map((service) => [service, ofService(service)]));
    };
    const actionsIn = (text: string) =>
      Object.entries(told(text)).map(([service, rows]) => [service, rows.map(({ action }) => action)]);
    await eventually(() => expect(actionsIn(heard).flat(2)).toContain('create'));
    await rig.ok(['up', '-d']);

    const restart = ['restart_planned', 'start', 'die'];
    const wanted = [
      ...again.map((name) => [name, ['create', 'start', 'die', ...restart, ...restart, 'left']]),
      ...once.map((name) => [name, ['create', 'destroy', 'create', 'start', 'die']]),
    ];
    // A supervisor that is there for others may say that it leaves what has no policy, too.
    const withoutLeft = (text: string) =>
      actionsIn(text).map(([service, actions]) => [
        service,
        once.includes(service as string) ? (actions as string[]).filter((action) => action !== 'left') : actions,
      ]);
    await eventually(() => expect(withoutLeft(heard)).toEqual(wanted));
    watcher.kill('SIGINT');
    await watching;
    const { stdout } = await rig.ok(['events', '--json', '--since', '1h', '--until', '0s']);
    expect(withoutLeft(stdout)).toEqual(wanted);
    for (const rows of [...Object.values(told(heard)), ...Object.values(told(stdout))]) {
      const times = rows.map(({ time }) => time);
      expect(times).toEqual([...times].sort());
    }
    // It has one past, too.
    const why = (await rig.ok(['why', 'crash1'])).stdout;
    expect(why).toMatch(/start by up.*\n(.*\n)*.*ended.*\n(.*\n)*.*start by supervise.*\n(.*\n)*.*ended/);
  });

  scenario('of the past are printed and not waited for', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    await rig.ok(['kill', '-s', 'SIGHUP']);
    const { stdout } = await rig.ok(['events', '--since', '1h', '--until', '0s']);
    expect(stdout).toMatch(/^\S+Z container create \S+-web-1 \(by=up, cause=does not exist\)\n/);
    expect(stdout).toMatch(/Z container kill \S+-web-1 \(by=kill, cause=requested, signal=SIGHUP\)\n/);
  });
});
