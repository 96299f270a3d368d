import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { limitDirectory, over, running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { keepersOf, monitorsOf, processesOf, supervisorsOf } from '../support/leaks.ts';
import { type Rig, scenario } from '../support/scenario.ts';
import { root } from '../support/tree.ts';

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
    const complaints = readFileSync(`/var/lib/tscompose/projects/${rig.project}/supervisor.err`, 'utf8');
    expect(complaints).toMatch(/^error: cannot go on: EMFILE: too many open files/m);
    expect(complaints).not.toMatch(/^ +at |Please report|Node\.js/m);
  });
});

describe('a container that has all the processes it may have', () => {
  scenario('can be looked into and stopped, and what of it cannot fork is told', ['pids controller'], async (rig) => {
    copyFileSync('/bin/busybox', join(rig.puppetRoot(), 'bin/busybox'));
    const forking = ['/bin/busybox', 'sh', '-c', 'busybox cat /etc/hostname | busybox cat'];
    const healthcheck = { test: ['CMD', ...forking], interval: '200ms', timeout: '5s', retries: 2 };
    rig.stack({ web: rig.puppet('web', { pids_limit: 8, healthcheck }) });
    const strings = await rig.hold();
    await rig.ok(['up', '-d', '--wait']);
    expect(await (await strings.next('web')).say('fork 100')).not.toBe('ok');
    // What comes in from outside counts, but is not refused.
    await rig.ok(['exec', '-T', 'web', '/bin/busybox', 'true']);
    const pair = await rig.cli(['exec', '-T', 'web', ...forking]);
    expect([pair.code, pair.stderr]).toEqual([2, expect.stringContaining("can't fork")]);
    await eventually(async () => expect((await rig.row('web')).status).toMatchObject({ health: 'unhealthy' }));
    expect((await rig.ok(['why', 'web'])).stdout).toContain("can't fork");
    expect((await rig.ok(['limits', 'web'])).stdout).toMatch(/pids +8 +8 +\d+/);
    await rig.ok(['restart', 'web']);
    await strings.next('web');
    await rig.ok(['up', '-d', '--wait']);
    await rig.ok(['exec', '-T', 'web', ...forking]);
  });
});

describe('a container that may not even have a second process', () => {
  scenario('is not started beside an init, with the reason, and is without one', ['pids controller'], async (rig) => {
    rig.stack({ web: rig.puppet('web', { pids_limit: 1 }) });
    const up = await rig.cli(['up', '-d']);
    const why = 'cannot start a process for the command: no resources left for now';
    expect([up.code, up.stderr]).toEqual([1, expect.stringContaining(`-web-1: ${why}\n`)]);
    expect(up.stderr).toContain('= pids_limit, or a limit around all containers, is reached');
    expect((await rig.row('web')).status).toMatchObject({ kind: 'failed', message: why });
    rig.stack({ web: rig.puppet('web', { pids_limit: 1, init: false }) });
    await rig.up();
    await rig.next('web');
  });
});

describe('exec by somebody who may have no more processes', () => {
  scenario('blames neither the container nor its limit', ['pids controller'], async (rig) => {
    rig.stack({ web: rig.puppet('web', { pids_limit: 20 }) });
    await rig.up();
    const { pid } = await running(rig, 'web');
    const around = join(limitDirectory(pid, 'pids'), `../${rig.project}-caller`);
    const real = join(root, `dist/native/linux-${process.arch}/tsc-shim`);
    const shim = rig.write('shim', `#!/bin/sh\necho $$ >${around}/cgroup.procs\nexec ${real} "$@"\n`);
    chmodSync(shim, 0o755);
    const exec = ['exec', '-d', 'web', '/bin/inspect'];
    mkdirSync(around);
    try {
      // Room for the shim alone, then for who goes in on its behalf as well, then for the command, too.
      for (const room of ['1', '2']) {
        writeFileSync(join(around, 'pids.max'), room);
        const { code, stderr } = await rig.cli(exec, { env: { TSCOMPOSE_SHIM: shim } });
        expect([room, code]).toEqual([room, 1]);
        expect(stderr).toContain('error: cannot start a process for the command: no resources left for now\n');
        expect(stderr).toContain("= pids.max of the caller's cgroup, or kernel.pid_max or");
      }
      writeFileSync(join(around, 'pids.max'), '3');
      await rig.ok(exec, { env: { TSCOMPOSE_SHIM: shim } });
    } finally {
      await eventually(() => rmdirSync(around));
    }
  });
});

/**
 * Moves our own processes into a cgroup that is full with them; what the body gets gives it room. It is made where the
 * container of `service` has its own, which has a limit: there the controller is at hand, on v1 and on v2.
 */
async function whileFull(rig: Rig, service: string, body: (giveRoom: () => void) => Promise<void>): Promise<void> {
  const { pid } = await running(rig, service);
  const around = join(limitDirectory(pid, 'pids'), `../${rig.project}-full`);
  const ours = [...monitorsOf(rig.project).map(({ pid }) => pid), ...keepersOf(rig.project)];
  // Where they came from takes them back, on v2 perhaps not where this test runs.
  const home = limitDirectory(ours[0] as number, 'pids');
  const members = () => readFileSync(join(around, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean);
  mkdirSync(around);
  try {
    for (const pid of ours) writeFileSync(join(around, 'cgroup.procs'), `${pid}`);
    writeFileSync(join(around, 'pids.max'), '1');
    await body(() => writeFileSync(join(around, 'pids.max'), 'max'));
  } finally {
    // A supervisor may just be coming.
    await eventually(() => {
      for (const pid of members()) writeFileSync(join(home, 'cgroup.procs'), pid);
      rmdirSync(around);
    });
    removeEmpty(join(around, '..'));
  }
}

/** The project's own directory, when nothing else kept it. */
function removeEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Containers are still in it, or it is gone.
  }
}

describe('a cgroup around our own processes that takes no more', () => {
  scenario('keeps stop and down from nothing', ['pids controller'], async (rig) => {
    rig.stack({ a: rig.puppet('a', { restart: 'always', pids_limit: 20 }), b: rig.puppet('b') });
    await rig.up();
    await (await rig.next('b')).do('ignore 15');
    await whileFull(rig, 'a', async () => {
      await rig.ok(['stop']);
      expect((await rig.ps()).map(({ status }) => status.kind)).toEqual(['exited', 'exited']);
      await rig.ok(['down']);
      await eventually(() => expect(guests(rig)).toEqual([]));
    });
  });

  scenario(
    'is why something is not started, which is said, and done as soon as there is room',
    ['pids controller'],
    async (rig) => {
      rig.stack({ again: rig.puppet('again', { restart: 'always', pids_limit: 20 }), once: rig.puppet('once') });
      const strings = await rig.hold();
      await rig.up();
      const [again, once] = [await rig.next('again'), await rig.next('once')];
      await whileFull(rig, 'again', async (giveRoom) => {
        again.tell('exit 1');
        once.tell('exit 2');
        expect((await over(rig, 'once')).status).toMatchObject({ exitCode: 2 });
        const start = await rig.cli(['start', 'once']);
        expect([start.code, start.stderr]).toEqual([1, expect.stringContaining('no resources left')]);
        giveRoom();
        await strings.next('again', 60_000);
        await rig.ok(['start', 'once']);
        await rig.next('once');
      });
    },
    120_000,
  );
});
