import { existsSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { ContainerName, ProjectName } from '../../src/model/units.ts';
import { containerPaths, hostPaths, projectPaths } from '../../src/runtime/linux/paths.ts';
import { statePhase } from '../../src/runtime/linux/protocol.ts';
import { readState } from '../../src/runtime/linux/state-dir.ts';
import { over, running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { later } from '../support/later.ts';
import { kill, killed, monitorsOf, processesOf, tracesOf } from '../support/leaks.ts';
import { ended, type Rig, type Run, runCli, scenario } from '../support/scenario.ts';

/** The one monitor of a project with one container. */
function monitorOf(rig: Rig): number {
  const [monitor, ...others] = monitorsOf(rig.project);
  expect(others).toEqual([]);
  return monitor!.pid;
}

const descriptorsOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;
const traces = (rig: Rig) => Object.values(tracesOf([rig.project])).flat();

describe('a monitor', () => {
  scenario(
    'stopped with SIGSTOP is not taken for a dead one: its container runs, and stop wakes it',
    [],
    async (rig) => {
      rig.stack({ web: rig.puppet('web') });
      await rig.up();
      await rig.next('web');
      const { pid } = await running(rig, 'web');
      const monitor = monitorOf(rig);
      kill(monitor, 'SIGSTOP');
      expect((await rig.ok(['up', '-d'])).stderr).toContain('up to date');
      expect((await running(rig, 'web')).pid).toBe(pid);
      expect(monitorOf(rig)).toBe(monitor);
      await rig.ok(['stop']);
      expect((await rig.row('web')).status.kind).toBe('exited');
      expect(monitorOf(rig)).toBe(monitor);
    },
  );

  scenario('stopped with SIGSTOP does not keep down from removing everything', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    await rig.next('web');
    kill(monitorOf(rig), 'SIGSTOP');
    await rig.ok(['down']);
    await eventually(() => expect(traces(rig)).toEqual([]));
  });

  scenario('goes on through a storm of signals that are not meant for it', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    const web = await rig.next('web');
    const monitor = monitorOf(rig);
    for (let i = 0; i < 2000; i++) {
      for (const signal of ['SIGCHLD', 'SIGHUP', 'SIGINT', 'SIGPIPE'] as const) kill(monitor, signal);
    }
    await web.print('still here\n');
    web.tell('exit 5');
    expect((await over(rig, 'web')).status).toMatchObject({ kind: 'exited', exitCode: 5 });
    expect((await rig.ok(['logs', '--no-log-prefix', 'web'])).stdout).toBe('still here\n');
    expect(monitorOf(rig)).toBe(monitor);
  });

  scenario('has as many descriptors after many commands and restarts as before', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    await rig.next('web');
    await rig.ok(['restart', '-t', '0']);
    await rig.next('web');
    const monitor = monitorOf(rig);
    const before = descriptorsOf(monitor);
    for (let round = 0; round < 5; round++) {
      await rig.ok(['restart', '-t', '0']);
      await rig.next('web');
      await rig.cli(['exec', '-T', 'web', '/bin/inspect']);
      await rig.ok(['ps']);
    }
    expect(monitorOf(rig)).toBe(monitor);
    await eventually(() => expect(descriptorsOf(monitor)).toBe(before));
  });

  scenario('with more callers than it can have still answers a stop once they are gone', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    await rig.next('web');
    const path = `/run/tscompose/${rig.project}/${rig.project}-web-1/ctl.sock`;
    expect(existsSync(path)).toBe(true);
    const callers = Array.from({ length: 300 }, () => connect(path).on('error', () => {}));
    await eventually(() => expect(callers.some((caller) => caller.readyState !== 'opening')).toBe(true));
    for (const caller of callers) caller.destroy();
    await rig.ok(['stop']);
    expect((await rig.row('web')).status.kind).toBe('exited');
  });
});

describe('the init of a container killed with SIGKILL', () => {
  scenario('takes the command with it, is recorded, and up starts it again', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    const web = await rig.next('web');
    const { pid } = await running(rig, 'web');
    killed(pid);
    await web.gone;
    expect((await over(rig, 'web')).status).toMatchObject({ kind: 'exited', exitCode: 137, signal: 'SIGKILL' });
    await rig.ok(['up', '-d']);
    await rig.next('web');
    expect((await running(rig, 'web')).pid).not.toBe(pid);
  });

  scenario('together with its monitor leaves an end whose code is unknown, not zero', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    const web = await rig.next('web');
    const { pid } = await running(rig, 'web');
    const monitor = monitorOf(rig);
    killed(monitor);
    killed(pid);
    await web.gone;
    expect((await over(rig, 'web')).status).toMatchObject({ kind: 'exited', exitCode: null });
    await rig.ok(['up', '-d']);
    await rig.next('web');
  });
});

describe('commands that meet', () => {
  scenario('exec at the very end of a container returns, and the end is recorded', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    for (let round = 0; round < 4; round++) {
      const web = await rig.next('web');
      const inside = ended(rig.start(['exec', '-T', 'web', '/bin/puppet', '/strings/ctl', `guest${round}`]));
      if (round % 2 === 0) await rig.next(`guest${round}`);
      web.tell(`exit ${round}`);
      expect((await inside).code).not.toBe(0);
      expect((await over(rig, 'web')).status).toMatchObject({ kind: 'exited', exitCode: round });
      await rig.ok(['up', '-d']);
    }
  });

  scenario('exec beside restarts runs in one life or says why not, and leaves nothing', [], async (rig) => {
    // Of the second no namespace takes the processes along that come in.
    rig.stack({ own: rig.puppet('own'), shared: rig.puppet('shared', { pid: 'host' }) });
    await rig.up();
    const inside = ['/bin/puppet', '/strings/ctl', 'guest'];
    const entered: Promise<Run>[] = [];
    for (let round = 0; round < 4; round++) {
      const restart = later(rig.ok(['restart', '-t', '0']));
      for (const service of ['own', 'shared', 'own', 'shared'])
        entered.push(ended(rig.start(['exec', '-T', service, ...inside])));
      await restart;
    }
    await rig.ok(['stop', '-t', '0']);
    for (const { code, stderr } of await Promise.all(entered)) {
      if (code === 137) expect(stderr).toBe('');
      else expect([code, stderr]).toEqual([1, expect.stringMatching(/is not running|it has ended/)]);
    }
    const left = () => processesOf(rig.project).filter(({ command }) => !command.startsWith('tsc:'));
    await eventually(() => expect(left()).toEqual([]));
    await rig.ok(['start']);
    expect((await running(rig, 'own')).pid).not.toBe((await running(rig, 'shared')).pid);
  });

  scenario('two up at once make one container of each service', [], async (rig) => {
    rig.stack({ a: rig.puppet('a'), b: rig.puppet('b', { depends_on: ['a'] }) });
    await rig.hold();
    const both = await Promise.all([rig.cli(['up', '-d']), rig.cli(['up', '-d'])]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect((await rig.ps()).map(({ name }) => name).sort()).toEqual([`${rig.project}-a-1`, `${rig.project}-b-1`]);
    expect(monitorsOf(rig.project).length).toBe(2);
  });

  scenario('two up at once of one project name in two directories leave what one of them says', [], async (rig) => {
    const service = (name: string, from: string) => ({
      ...rig.puppet(name, { environment: { FROM: from }, rootfs: rig.puppetRoot(), volumes: [] }),
      volumes: [`${rig.path('strings')}:/strings`],
    });
    const files = ['here', 'there'].map((from) =>
      rig.write(`${from}/stack.yml`, {
        services: { a: service('a', from), b: { ...service('b', from), depends_on: ['a'] } },
      }),
    );
    await rig.hold();
    const sessions = files.map((file) => ({
      args: ['-p', rig.project, '-f', file],
      options: { cwd: join(file, '..') },
    }));
    const inEach = (...args: string[]) =>
      Promise.all(sessions.map((session) => runCli([...session.args, ...args], session.options)));
    for (const round of ['made', 'made anew']) {
      expect((await inEach('up', '-d')).map(({ code, stderr }) => [code, code === 0 ? '' : stderr])).toEqual([
        [0, ''],
        [0, ''],
      ]);
      expect(monitorsOf(rig.project).length, round).toBe(2);
      const plans = (await inEach('plan')).map(({ stdout }) => stdout);
      expect(plans.filter((plan) => plan === 'nothing to do\n')).toHaveLength(1);
      expect(plans.filter((plan) => /-a-1.*\n(.*\n)*.*-b-1/.test(plan))).toHaveLength(1);
    }
    await runCli([...(sessions[0]?.args ?? []), 'down'], { cwd: '/' });
    await eventually(() => expect(traces(rig)).toEqual([]));
  });

  scenario('up and down at once leave all of it or nothing', [], async (rig) => {
    rig.stack({ a: rig.puppet('a'), b: rig.puppet('b', { depends_on: ['a'] }) });
    await rig.up();
    const both = await Promise.all([rig.cli(['down']), rig.cli(['up', '-d', '--force-recreate'])]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    const rows = await rig.ps();
    expect([0, 2]).toContain(rows.length);
    for (const { status } of rows) expect(status.kind).toBe('running');
    expect(monitorsOf(rig.project).length).toBe(rows.length);
  });

  scenario('a stop that is given up goes on, and a second one without grace ends it at once', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { stop_grace_period: '10m' }) });
    await rig.up();
    const web = await rig.next('web');
    await web.do('ignore 15');
    const stop = rig.start(['stop']);
    const stopEnded = ended(stop);
    await eventually(async () => expect(await rig.row('web')).toMatchObject({ stoppedByUser: true }));
    stop.kill('SIGKILL');
    await stopEnded;
    expect((await rig.row('web')).status.kind).toBe('running');
    await rig.ok(['stop', '-t', '0']);
    expect((await over(rig, 'web')).status).toMatchObject({ exitCode: 137, signal: 'SIGKILL' });
  });

  scenario('a stop goes on with its grace when the monitor is killed in it, whoever waits for it', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { stop_grace_period: '3s' }) });
    await rig.up();
    const web = await rig.next('web');
    await web.do('ignore 15');
    const stop = rig.start(['stop']);
    const stopEnded = ended(stop);
    const at = projectPaths(hostPaths({}), rig.project as ProjectName);
    const { stateRecord } = containerPaths(at, `${rig.project}-web-1` as ContainerName);
    await eventually(() => expect(readState(stateRecord)?.phase).toBe(statePhase.STOPPING));
    killed(readState(stateRecord)!.monitorPid);
    expect(await stopEnded).toMatchObject({ code: 0 });
    expect((await rig.row('web')).status.kind).toBe('exited');
  });
});
