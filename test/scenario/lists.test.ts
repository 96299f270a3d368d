import { describe, expect } from 'vitest';
import { over, running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { processesIn, projectCgroup, whileFrozen } from '../support/frozen.ts';
import { ended, type Run, scenario } from '../support/scenario.ts';

describe('ps', () => {
  scenario('chooses by state, service and orphanhood', [], async (rig) => {
    rig.stack({ web: rig.puppet('web'), job: rig.inspector(), old: rig.puppet('old') });
    await rig.up();
    await rig.next('web');
    await over(rig, 'job');
    const lines = async (...args: string[]) => (await rig.ok(['ps', ...args])).stdout.split('\n').filter(Boolean);
    expect(await lines('--services')).toEqual(['old', 'web']);
    expect(await lines('-a', '--services')).toEqual(['job', 'old', 'web']);
    expect(await lines('--status', 'exited', '-q')).toEqual([`${rig.project}-job-1`]);
    expect(await lines('--filter', 'status=exited', '--status', 'running', '--services')).toEqual([
      'job',
      'old',
      'web',
    ]);
    rig.stack({ web: rig.puppet('web'), job: rig.inspector() });
    expect(await lines('--services')).toEqual(['old', 'web']);
    expect(await lines('--orphans=false', '--services')).toEqual(['web']);
    const { code, stderr } = await rig.cli(['ps', '--status', 'happy']);
    expect([code, stderr]).toEqual([
      2,
      'error: no container can be "happy"\n  = it is one of created, running, paused, restarting, removing, exited, dead\n',
    ]);
  });

  scenario(
    'says of what is between two lives, and of what is being set up again, that it restarts',
    [],
    async (rig) => {
      const restart_policy = { condition: 'any', delay: '10m' };
      rig.stack({ web: rig.puppet('web', { deploy: { restart_policy } }) });
      await rig.hold();
      const shown = async () => (await rig.ok(['ps', '-a', '--format', '{{.State}} {{.Status}}'])).stdout;
      /** What is shown while a start is held up before the first step of its init. */
      const whileStarting = async (command: string[], text: string) => {
        let done: Promise<Run> | undefined;
        await whileFrozen(rig, async () => {
          done = ended(rig.start(command));
          await eventually(() => expect(processesIn(projectCgroup(rig))).toBe(1));
          expect(await shown()).toBe(text);
        });
        expect((await done)?.code).toBe(0);
        return rig.next('web');
      };
      const web = await whileStarting(['up', '-d'], 'created Created\n');
      web.tell('exit 3');
      await eventually(async () => expect(await shown()).toMatch(/^restarting Restarting \(3\) .+ ago\n$/));
      expect((await rig.ok(['ps'])).stdout).toMatch(/Restarting \(3\) .+ ago/);
      await whileStarting(['start'], 'restarting Restarting\n');
      await running(rig, 'web');
    },
  );

  scenario('speaks the JSON and the templates of docker compose', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { labels: { tier: 'front' } }) });
    await rig.up();
    await running(rig, 'web');
    const json = JSON.parse((await rig.ok(['ps', '--format', 'json'])).stdout);
    expect(json).toMatchObject({
      Name: `${rig.project}-web-1`,
      Service: 'web',
      State: 'running',
      ExitCode: 0,
      Health: '',
      Labels: 'tier=front',
      Project: rig.project,
      Publishers: [],
    });
    expect((await rig.ok(['ps', '--format', '{{.Service}} {{.State}}'])).stdout).toBe('web running\n');
    expect((await rig.ok(['ps', '--format', 'table {{.Service}}\\t{{.State}}'])).stdout).toBe(
      'SERVICE  STATE\nweb      running\n',
    );
    expect((await rig.ok(['ps', '--no-trunc'])).stdout).toContain('"/bin/puppet /strings/ctl web"');
  });
});

describe('ls', () => {
  scenario('lists this project among those whose name matches, and counts its containers by state', [], async (rig) => {
    rig.stack({ web: rig.puppet('web'), job: rig.inspector() });
    await rig.up();
    await over(rig, 'job');
    const json = JSON.parse((await rig.ok(['ls', '--filter', `name=^${rig.project}$`, '--format', 'json'])).stdout);
    const Status = expect.stringMatching(/running\(1\)/);
    expect(json).toEqual([{ Name: rig.project, Status, ConfigFiles: rig.path('stack.yml') }]);
    expect(json[0].Status).toContain('exited(1)');
    await rig.ok(['stop']);
    expect((await rig.ok(['ls', '-q'])).stdout.split('\n')).not.toContain(rig.project);
    expect((await rig.ok(['ls', '-aq'])).stdout.split('\n')).toContain(rig.project);
  });
});

describe('wait', () => {
  scenario('ends with the code of the first that ends, and takes the project down when asked', [], async (rig) => {
    rig.stack({ web: rig.puppet('web'), job: rig.puppet('job') });
    await rig.up();
    await rig.next('web');
    const waiting = ended(rig.start(['wait', 'web', 'job', '--down-project']));
    (await rig.next('job')).tell('exit 4');
    const { code, stdout } = await waiting;
    expect([code, stdout]).toEqual([4, '4\n']);
    expect(await rig.ps()).toEqual([]);
  });

  scenario('is at its end when what it waits for is removed', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    await rig.next('web');
    const waiting = ended(rig.start(['wait', 'web']));
    await rig.ok(['rm', '-sf', 'web']);
    expect((await waiting).stdout).toMatch(/^(143|unknown)\n$/);
  });
});

describe('commands on what exists', () => {
  scenario('say so when there is nothing, each with the code of docker compose', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    for (const [command, code] of Object.entries({ down: 0, stop: 0, rm: 0, kill: 1, pause: 0 })) {
      const run = await rig.cli([command]);
      expect([command, run.code]).toEqual([command, code]);
      expect(run.stderr).toMatch(/^(nothing|no stopped)/);
    }
  });

  scenario('about images are answered with a notice and have no other effect', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    const { stderr } = await rig.up('--build', '--pull', 'always', '--quiet-pull', '-y');
    expect(stderr).toContain('notice: --build has no effect');
    expect(stderr).toContain('notice: --pull always has no effect');
    expect((await rig.ok(['down', '--rmi', 'local'])).stderr).toContain('notice: --rmi local has no effect');
    expect((await rig.cli(['up', '--build', '--no-build'])).code).toBe(2);
  });

  scenario('pause freezes what runs, and unpause lets it go on where it was', [], async (rig) => {
    rig.stack({ web: rig.puppet('web'), other: rig.puppet('other') });
    await rig.up();
    const { pid } = await running(rig, 'web');
    await rig.ok(['pause', 'web']);
    expect((await rig.row('web')).status).toMatchObject({ kind: 'paused' });
    await running(rig, 'other');
    await rig.ok(['unpause']);
    expect((await running(rig, 'web')).pid).toBe(pid);
    await (await rig.next('web')).do('write /strings/alive 1');
  });
});
