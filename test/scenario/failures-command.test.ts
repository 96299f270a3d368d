import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { limitFile, over, running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { processesIn, projectCgroup, whileFrozen } from '../support/frozen.ts';
import { killed, monitorsOf, processesOf, tracesOf } from '../support/leaks.ts';
import { ended, type Rig, type Run, scenario } from '../support/scenario.ts';
import { onSmallDisk } from '../support/small-disk.ts';

const traces = (rig: Rig) => Object.values(tracesOf([rig.project])).flat();

describe('a command killed with SIGKILL', () => {
  scenario('while it unpacks a tarball leaves nothing half-made: the next up unpacks it whole', [], async (rig) => {
    const root = rig.puppetRoot();
    writeFileSync(join(root, 'large'), '');
    truncateSync(join(root, 'large'), 48 << 20);
    execFileSync('tar', ['-C', root, '-czf', rig.path('root.tar.gz'), '.']);
    rig.stack({ web: rig.puppet('web', { rootfs: './root.tar.gz' }) });
    await rig.hold();
    await onSmallDisk(rig, 'size=256m', async ({ path }) => {
      const store = join(path, 'var/lib/tscompose/store');
      const halfMade = () => (existsSync(join(store, 'tmp')) ? readdirSync(join(store, 'tmp')) : []);
      const up = rig.start(['up', '-d']);
      const done = ended(up);
      await eventually(() => expect(halfMade()).not.toEqual([]));
      up.kill('SIGKILL');
      await done;
      expect(readdirSync(join(store, 'trees'))).toEqual([]);
      await rig.ok(['up', '-d']);
      const web = await rig.next('web');
      expect(await web.say('list /')).toContain('large');
      expect(halfMade()).toEqual([]);
      expect(readdirSync(join(store, 'trees'))).toHaveLength(1);
    });
  });

  scenario('between the birth of an init and its first step costs nothing: it goes on', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.hold();
    await whileFrozen(rig, async () => {
      const up = rig.start(['up', '-d']);
      const done = ended(up);
      await eventually(() => expect(processesIn(projectCgroup(rig))).toBe(1));
      up.kill('SIGKILL');
      await done;
    });
    await rig.ok(['up', '-d']);
    await rig.next('web');
    await running(rig, 'web');
    expect(monitorsOf(rig.project)).toHaveLength(1);
  });

  scenario('while it follows logs takes nothing with it, and keeps nothing', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    const web = await rig.next('web');
    await web.print('before\n');
    const before = processesOf(rig.project).length;
    const follow = rig.start(['logs', '-f', '--no-log-prefix']);
    let seen = '';
    follow.stdout?.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    await eventually(() => expect(seen).toBe('before\n'));
    const done = ended(follow);
    follow.kill('SIGKILL');
    await done;
    await web.print('after\n');
    await eventually(async () => expect((await rig.ok(['logs', '--no-log-prefix'])).stdout).toBe('before\nafter\n'));
    await eventually(() => expect(processesOf(rig.project)).toHaveLength(before));
  });
});

describe('a monitor killed with SIGKILL', () => {
  scenario('as soon as its cgroup is there leaves nothing that hinders the next up', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.hold();
    for (let round = 0; round < 4; round++) {
      const up = ended(rig.start(['up', '-d']));
      await eventually(() => expect(existsSync(projectCgroup(rig))).toBe(true));
      for (const { pid } of monitorsOf(rig.project)) killed(pid);
      await up;
      await rig.ok(['up', '-d']);
      await running(rig, 'web');
      expect(monitorsOf(rig.project)).toHaveLength(1);
      await rig.ok(['down']);
      await eventually(() => expect(existsSync(projectCgroup(rig))).toBe(false));
    }
  });

  scenario(
    'between the birth of an init and its first step leaves one container or none, and the next up has one',
    [],
    async (rig) => {
      rig.stack({ web: rig.puppet('web') });
      await rig.hold();
      const cgroup = projectCgroup(rig);
      await whileFrozen(rig, async () => {
        const up = ended(rig.start(['up', '-d']));
        await eventually(() => expect(processesIn(cgroup)).toBe(1));
        for (const { pid } of monitorsOf(rig.project).filter(({ command }) => command === 'tsc:monitor')) killed(pid);
        const { code, stderr } = await up;
        expect([code, stderr]).toEqual([1, expect.stringContaining(`${rig.project}-web-1`)]);
        expect(stderr).not.toContain('Please report');
      });
      await rig.ok(['up', '-d']);
      await rig.next('web');
      // Init and command, not two of each.
      expect(processesIn(cgroup)).toBe(2);
      expect((await rig.ok(['plan'])).stdout).toBe('nothing to do\n');
      expect(monitorsOf(rig.project)).toHaveLength(1);
    },
  );

  scenario(
    'at the very end of its container leaves the exit code or an unknown one, and never another',
    [],
    async (rig) => {
      rig.stack({ web: rig.puppet('web') });
      await rig.up();
      for (let round = 1; round <= 5; round++) {
        const web = await rig.next('web');
        const [monitor] = monitorsOf(rig.project);
        web.tell(`exit ${round}`);
        if (round > 1) await new Promise((resolve) => setTimeout(resolve, round - 2));
        killed(monitor?.pid ?? 0x7fffffff);
        const { status } = await over(rig, 'web');
        expect([round, null]).toContain(status['exitCode']);
        await rig.ok(['up', '-d']);
      }
      await rig.next('web');
    },
  );
});

describe('a cgroup of ours that somebody has removed', () => {
  scenario(
    'under a container that does not run is made again by its next start, limits and all',
    ['pids controller'],
    async (rig) => {
      rig.stack({ web: rig.puppet('web', { pids_limit: 41 }) });
      await rig.up();
      (await rig.next('web')).tell('exit 2');
      await over(rig, 'web');
      for (const trace of [...(tracesOf([rig.project])['cgroups'] ?? [])].reverse()) rmdirSync(trace);
      await rig.ok(['up', '-d']);
      await rig.next('web');
      expect(processesIn(projectCgroup(rig))).toBe(2);
      const { pid } = await running(rig, 'web');
      expect(limitFile(pid, 'pids', 'pids.max', 'pids.max')).toBe('41');
      await rig.ok(['down']);
      await eventually(() => expect(traces(rig)).toEqual([]));
    },
  );
});

/** Command lines of the children of a process. */
const childrenOf = (pid: number): string[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter((child) => child !== '' && existsSync(`/proc/${child}/cmdline`))
    .map((child) => readFileSync(`/proc/${child}/cmdline`, 'utf8'));

describe('cp into a container that is only being started', () => {
  scenario('waits until it has a root of its own, and touches none of the host', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    rig.write('greeting', 'hello');
    await rig.hold();
    const path = `/${rig.project}`;
    const running: Promise<Run>[] = [];
    try {
      await whileFrozen(rig, async () => {
        running.push(ended(rig.start(['up', '-d'])));
        await eventually(() => expect(processesIn(projectCgroup(rig))).toBe(1));
        const copy = rig.start(['cp', 'greeting', `web:${path}`]);
        running.push(ended(copy));
        await eventually(() => {
          if (copy.exitCode === null) expect(childrenOf(copy.pid ?? 0).join(' ')).toContain('\0files\0');
        });
        // Whoever does not wait has done it by now.
        await new Promise((resolve) => setTimeout(resolve, 300));
      });
      expect((await Promise.all(running)).map(({ code, stderr }) => [code, code === 0 ? '' : stderr])).toEqual([
        [0, ''],
        [0, ''],
      ]);
      expect(existsSync(path), 'on the host').toBe(false);
      expect(await (await rig.next('web')).say('list /')).toContain(rig.project);
    } finally {
      rmSync(path, { force: true });
    }
  });
});
