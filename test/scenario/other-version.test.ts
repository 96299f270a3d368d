import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect } from 'vitest';
import type { ProjectName } from '../../src/model/units.ts';
import { isLockHeld } from '../../src/runtime/linux/lock-held.ts';
import { eventually } from '../support/eventually.ts';
import { monitorsOf, processesOf, tracesOf } from '../support/leaks.ts';
import { OtherBuild, otherRecord, otherState } from '../support/other-build.ts';
import { ended, type Rig, scenario } from '../support/scenario.ts';

const builds = new Map<string, OtherBuild>();

afterAll(() => {
  for (const build of builds.values()) build.remove();
});

const versions = [
  { name: 'state 77', differences: otherState },
  { name: 'record 88', differences: otherRecord },
  { name: 'record 88', differences: [...otherState, ...otherRecord] },
];

const traces = (rig: Rig) => Object.values(tracesOf([rig.project])).flat();

for (const [index, { name, differences }] of versions.entries()) {
  const label = index === 2 ? `${name} and state 77` : name;
  const isReadable = differences === otherState;

  const buildOf = () => {
    const build = builds.get(label) ?? new OtherBuild(differences);
    builds.set(label, build);
    return build;
  };

  /** A running container of a service called `web`, made by the other version. */
  const begin = async (rig: Rig) => {
    const build = buildOf();
    rig.stack({ web: rig.puppet('web') });
    await rig.hold();
    await build.run(rig, ['up', '-d']);
    return rig.next('web');
  };

  const isGone = async (rig: Rig) => {
    await eventually(() => expect(processesOf(rig.project)).toEqual([]));
    await eventually(() => expect(traces(rig)).toEqual([]));
  };

  describe(`a container that another version made (${label})`, () => {
    scenario('is shown by ps as running, with its version', [], async (rig) => {
      const before = Date.now();
      await begin(rig);
      const row = await rig.row('web');
      expect(row).toMatchObject({ otherVersion: name, status: { kind: 'running' } });
      expect(row.status['startedAtMs']).toBeGreaterThanOrEqual(before);
      expect((await rig.ok(['ps'])).stdout).toContain(`of another version (${name})`);
    });

    scenario('is ended by down, and nothing is left', [], async (rig) => {
      await begin(rig);
      await rig.ok(['down']);
      await isGone(rig);
    });

    scenario('is made anew by up, which says why, and is like all others then', [], async (rig) => {
      await begin(rig);
      expect((await rig.ok(['plan'])).stdout).toContain(`made by another version of tscompose (${name})`);
      const [monitor] = monitorsOf(rig.project);
      await rig.ok(['up', '-d']);
      await rig.next('web');
      expect(monitorsOf(rig.project).map(({ pid }) => pid)).not.toContain(monitor?.pid);
      expect(monitorsOf(rig.project)).toHaveLength(1);
      expect(await rig.row('web')).not.toHaveProperty('otherVersion');
      expect((await rig.ok(['plan'])).stdout).not.toContain('another version');
    });

    scenario('is ended by stop and by kill, and removed by rm', [], async (rig) => {
      await begin(rig);
      await rig.ok(['stop']);
      expect(await rig.row('web')).toMatchObject({ otherVersion: name, status: { kind: 'exited' } });
      await rig.ok(['rm', '-f']);
      await isGone(rig);
      await begin(rig);
      await rig.ok(['kill']);
      await eventually(async () => expect((await rig.row('web')).status['kind']).toBe('exited'));
      await rig.ok(['rm', '-f']);
      await isGone(rig);
    });

    scenario('is killed by kill while somebody else waits for its grace', [], async (rig) => {
      const web = await begin(rig);
      await web.do('ignore 15');
      const stop = ended(rig.start(['stop', '-t', '600']));
      await eventually(() => expect(isLockHeld(rig.project as ProjectName, process.env)).toBe(true));
      await rig.ok(['kill']);
      expect((await stop).code).toBe(0);
      expect((await rig.row('web')).status).toMatchObject({ kind: 'exited' });
    });

    scenario('is ended at once by a stop with -t 0 while another one waits for its grace', [], async (rig) => {
      const web = await begin(rig);
      await web.do('ignore 15');
      for (const [first, second] of [
        [
          ['stop', '-t', '600'],
          ['stop', '-t', '0'],
        ],
        [
          ['down', '-t', '600'],
          ['down', '-t', '0'],
        ],
      ] as const) {
        const slow = ended(rig.start(first));
        await eventually(() => expect(isLockHeld(rig.project as ProjectName, process.env)).toBe(true));
        await rig.ok(second);
        expect((await slow).code).toBe(0);
        expect((await rig.ps()).map(({ status }) => status.kind)).toEqual(first[0] === 'stop' ? ['exited'] : []);
        if (first[0] === 'stop') {
          await rig.ok(['down']);
          await (await begin(rig)).do('ignore 15');
        }
      }
    });

    scenario('is killed at the second Ctrl-C of an up that left it as it was', [], async (rig) => {
      const web = await begin(rig);
      await web.do('ignore 15');
      const up = rig.start(['up', '--no-recreate']);
      const run = ended(up);
      let [shown, said] = ['', ''];
      up.stdout?.on('data', (chunk: Buffer) => {
        shown += chunk.toString();
      });
      up.stderr?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
      // What was written before it came is not shown.
      await eventually(async () => {
        await web.print('here\n');
        expect(shown).toContain('here');
      });
      up.kill('SIGINT');
      await eventually(() => expect(said).toContain('press Ctrl-C again'));
      up.kill('SIGINT');
      expect((await run).code).toBe(130);
      expect((await rig.row('web')).status).toMatchObject({ kind: 'exited' });
    });

    scenario('of `run` is no replica', [], async (rig) => {
      const build = buildOf();
      rig.stack({ web: rig.puppet('web') });
      await rig.hold();
      await build.run(rig, ['run', '-d', 'web']);
      await rig.next('web');
      expect((await rig.ok(['ps', '--json'])).stdout).toBe('');
      expect(await rig.row('web')).toMatchObject({ otherVersion: name, status: { kind: 'running' } });
      await rig.ok(['up', '-d']);
      await rig.next('web');
      expect((await rig.ps()).map((row) => row.status['kind'])).toEqual(['running', 'running']);
      await rig.ok(['down']);
      await isGone(rig);
    });

    scenario(
      isReadable ? 'is started anew by restart' : 'is left alone by restart, which says why',
      [],
      async (rig) => {
        await begin(rig);
        const before = await rig.row('web');
        const run = await rig.cli(['restart']);
        if (isReadable) {
          expect(run.code, run.stderr).toBe(0);
          await rig.next('web');
          expect(await rig.row('web')).not.toHaveProperty('otherVersion');
          return;
        }
        expect(run.code).toBe(1);
        expect(run.stderr).toContain(
          `cannot restart ${before.name}: it was made by another version of tscompose (${name})`,
        );
        expect((await rig.row('web')).status).toEqual(before.status);
      },
    );

    scenario('takes no commands, and says why', [], async (rig) => {
      await begin(rig);
      for (const args of [['exec', '-T', 'web', '/bin/inspect'], ['attach', 'web'], ['pause']]) {
        const run = await rig.cli(args);
        expect(run.code, run.stdout + run.stderr).not.toBe(0);
        expect(run.stderr).toContain(`it was made by another version of tscompose (${name})`);
        expect(run.stderr).toContain('tscompose up makes it anew');
      }
      expect((await rig.row('web')).status).toMatchObject({ kind: 'running' });
    });

    scenario('is killed after its grace when it ignores the signal', [], async (rig) => {
      const web = await begin(rig);
      await web.do('ignore 15');
      await rig.ok(['stop', '-t', '1']);
      expect((await rig.row('web')).status).toMatchObject({ kind: 'exited' });
    });
  });
}

describe('start of a container that has ended', () => {
  scenario('under a monitor of another version gives it one of this version', [], async (rig) => {
    const build = builds.get('state 77') ?? new OtherBuild(otherState);
    builds.set('state 77', build);
    rig.stack({ web: rig.puppet('web') });
    await rig.hold();
    await build.run(rig, ['up', '-d']);
    await rig.next('web');
    await rig.ok(['stop']);
    await rig.ok(['start']);
    await rig.next('web');
    expect(monitorsOf(rig.project)).toHaveLength(1);
    expect(await rig.row('web')).not.toHaveProperty('otherVersion');
  });

  scenario('whose record is of another version is refused, with what to do', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    await rig.next('web');
    await rig.ok(['stop']);
    const path = `/var/lib/tscompose/projects/${rig.project}/containers/${rig.project}-web-1/record.json`;
    const record = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify({ ...record, version: 2, config: { shape: 'of the future' } }));
    const start = await rig.cli(['start']);
    expect(start.code).not.toBe(0);
    expect(start.stderr).toContain('cannot start');
    expect(start.stderr).toContain('made by another version of tscompose (record 2)');
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ version: 2, config: { shape: 'of the future' } });
  });
});
