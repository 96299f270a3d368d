import { once } from 'node:events';
import { constants } from 'node:os';
import { describe, expect } from 'vitest';
import { running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { ended, type Rig, type Run, scenario } from '../support/scenario.ts';

/** Starts `up` in the foreground with the puppets' strings in our hands. */
async function foreground(rig: Rig, ...args: string[]) {
  await rig.hold();
  const child = rig.start(['up', ...args]);
  return { child, run: ended(child) };
}

const puppets = async (rig: Rig): Promise<string[]> =>
  (await rig.ps()).filter(({ status }) => status.kind === 'running').map(({ service }) => service);

describe('up in the foreground', () => {
  scenario('stops all when one container ends, and exits with its code', [], async (rig) => {
    rig.stack({ web: rig.puppet('web'), job: rig.puppet('job') });
    const { run } = await foreground(rig, '--abort-on-container-exit');
    await rig.next('web');
    (await rig.next('job')).tell('exit 3');
    const { code, stdout, stderr } = await run;
    expect(code).toBe(3);
    expect(stdout).toContain('job-1 exited with code 3');
    expect(stderr).toContain(`stopping, because ${rig.project}-job-1 has ended`);
    expect(await puppets(rig)).toEqual([]);
    expect((await rig.ok(['why', 'web'])).stdout).toContain(`stop by up: ${rig.project}-job-1 has ended`);
  });

  scenario('says how a container has ended after what it has written, however soon that was', [], async (rig) => {
    const command = ['sh', '-c', 'echo first; echo last; exit 3'];
    rig.stack({ job: { rootfs: { host: ['sh'] }, command, network_mode: 'none' } });
    expect((await rig.ok(['up'])).stdout).toBe('job-1 | first\njob-1 | last\njob-1 exited with code 3\n');
  });

  scenario('goes on with what another command restarts or makes anew, though it was all there was', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    const { run } = await foreground(rig);
    await (await rig.next('web')).print('first\n');
    await rig.ok(['restart']);
    await (await rig.next('web')).print('second\n');
    await rig.ok(['up', '-d', '--force-recreate']);
    const third = await rig.next('web');
    await third.print('third\n');
    third.tell('exit 4');
    const { code, stdout } = await run;
    expect([code, stdout.match(/first|second|third/g)]).toEqual([0, ['first', 'second', 'third']]);
    expect(stdout).toMatch(/exited with code 4\n$/);
  });

  scenario('stops all at a failure only, when asked for that', [], async (rig) => {
    rig.stack({ web: rig.puppet('web'), good: rig.puppet('good'), bad: rig.puppet('bad') });
    const { run } = await foreground(rig, '--abort-on-container-failure');
    await rig.next('web');
    (await rig.next('good')).tell('exit 0');
    await eventually(async () => expect((await rig.row('good')).status.kind).toBe('exited'));
    expect((await running(rig, 'web')).status.kind).toBe('running');
    (await rig.next('bad')).tell('exit 7');
    expect((await run).code).toBe(7);
    expect(await puppets(rig)).toEqual([]);
  });

  scenario('exits with the code of the service that was named, whoever ended first', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { stop_grace_period: '0s' }), tests: rig.puppet('tests') });
    const { run } = await foreground(rig, '--exit-code-from', 'web');
    await (await rig.next('web')).do('ignore 15');
    (await rig.next('tests')).tell('exit 0');
    expect((await run).code).toBe(137);
  });

  scenario('of some services stops these and what they need at Ctrl-C, and nothing else', [], async (rig) => {
    rig.stack({ other: rig.puppet('other'), db: rig.puppet('db'), web: rig.puppet('web', { depends_on: ['db'] }) });
    await rig.up('other');
    await rig.next('other');
    const { child, run } = await foreground(rig, 'web');
    await (await rig.next('db')).print('not shown\n');
    const web = await rig.next('web');
    let shown = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
    });
    await web.print('shown\n');
    await eventually(() => expect(shown).toMatch(/web-1 +\| shown/));
    child.kill('SIGINT');
    const { code, stdout } = await run;
    expect(code).toBe(0);
    expect(stdout).not.toContain('not shown');
    expect(await puppets(rig)).toEqual(['other']);
  });

  scenario('shows exactly the output that was asked for', [], async (rig) => {
    rig.stack({ db: rig.puppet('db'), web: rig.puppet('web', { depends_on: ['db'] }), job: rig.puppet('job') });
    const say = async (run: Promise<Run>) => {
      const calls = await Promise.all(['db', 'web', 'job'].map((name) => rig.next(name)));
      for (const puppet of calls) await puppet.print(`words of ${puppet.name}\n`);
      for (const puppet of calls) puppet.tell('exit 0');
      const { stdout } = await run;
      return ['db', 'web', 'job'].filter((name) => stdout.includes(`words of ${name}`));
    };
    expect(await say((await foreground(rig, '--no-attach', 'job')).run)).toEqual(['db', 'web']);
    expect(await say((await foreground(rig, '--attach', 'job')).run)).toEqual(['job']);
    expect(await say((await foreground(rig, '--attach-dependencies', 'web', 'job')).run)).toEqual(['db', 'web', 'job']);
  });

  scenario('refuses to show, or to take the code of, what it does not run', [], async (rig) => {
    rig.stack({ web: rig.puppet('web'), job: rig.puppet('job') });
    for (const flag of ['--attach', '--exit-code-from']) {
      const { code, stderr } = await rig.cli(['up', 'web', flag, 'job']);
      expect(code).toBe(1);
      expect(stderr).toContain('job is not one of the services of this command');
    }
    expect(await rig.ps()).toEqual([]);
  });
});

describe('up --wait', () => {
  scenario('returns when all run, and a one-shot that has ended with 0 is done', [], async (rig) => {
    rig.stack({
      web: rig.puppet('web'),
      job: rig.inspector(),
      late: rig.puppet('late', { depends_on: { job: { condition: 'service_completed_successfully' } } }),
    });
    await rig.hold();
    await rig.ok(['up', '--wait', '--wait-timeout', '30']);
    expect((await rig.row('job')).status).toMatchObject({ kind: 'exited', exitCode: 0 });
    expect((await puppets(rig)).sort()).toEqual(['late', 'web']);
    const again = await rig.ok(['up', '--wait', 'web']);
    expect(again.stderr).toContain('is up to date');
  });

  scenario('exits 5 and shows the last output when one has ended badly', [], async (rig) => {
    rig.stack({
      job: rig.puppet('job'),
      web: rig.puppet('web', { 'x-tscompose': { depends_on: { job: { condition: 'service_completed' } } } }),
    });
    await rig.hold();
    const run = ended(rig.start(['up', '--wait']));
    const job = await rig.next('job');
    await job.print('out of paper\n');
    job.tell('exit 3');
    const { code, stderr } = await run;
    expect(code, stderr).toBe(5);
    expect(stderr).toMatch(/cannot go on without \S+-job-1: it ended with code 3/);
    expect(stderr).toContain('out of paper');
    expect(await puppets(rig)).toEqual(['web']);
    expect((await rig.ok(['start', '--wait', 'web'])).stderr).toMatch(/web-1 +started/);
  });

  scenario('waits for health, and shows the last probe of what is unhealthy', [], async (rig) => {
    const checked = (file: string) => ({
      healthcheck: { test: ['CMD', '/bin/inspect', file], interval: '1s', timeout: '2s', retries: 1 },
    });
    rig.stack({ web: rig.puppet('web', checked('--quiet')), plain: rig.puppet('plain') });
    await rig.hold();
    await rig.ok(['up', '--wait', '--wait-timeout', '30']);
    expect((await rig.row('web')).status).toMatchObject({ kind: 'running', health: 'healthy' });
    const failing = { test: ['CMD', '/bin/puppet', '/nobody', 'x'], interval: '100ms', timeout: '2s', retries: 1 };
    rig.stack({ web: rig.puppet('web', { healthcheck: failing }) });
    const { code, stderr } = await rig.cli(['up', '--wait', '--wait-timeout', '30', 'web']);
    expect(code, stderr).toBe(5);
    expect(stderr).toMatch(/error\[unhealthy\]: cannot go on without \S+-web-1: it is unhealthy/);
    expect(stderr).toMatch(/last probe of \S+-web-1/);
  });

  scenario('exits 5 when time is up, and says what was waited for', [], async (rig) => {
    rig.stack({
      slow: rig.puppet('slow'),
      web: rig.puppet('web', { depends_on: { slow: { condition: 'service_completed_successfully' } } }),
    });
    await rig.hold();
    const { code, stderr } = await rig.cli(['up', '--wait', '--wait-timeout', '1']);
    expect(code, stderr).toBe(5);
    expect(stderr).toMatch(/error\[timeout\]: cannot wait for \S+-slow-1 any longer: it is not completed successfully/);
    expect(stderr).toMatch(/stack\.yml:\d+:\d+/);
  });

  scenario('never gives up with 0, and counts months too', [], async (rig) => {
    const web = (ms: string) =>
      rig.puppet('web', { environment: { MS: ms }, pre_stop: [{ command: ['/bin/inspect'] }] });
    rig.stack({ web: web('1') });
    await rig.hold();
    await rig.ok(['up', '--wait', '--wait-timeout', '0']);
    rig.stack({ web: web('2') });
    await rig.ok(['up', '--wait', '--wait-timeout', '99999999', '-t', '99999999']);
  });

  scenario('says what was not finished when time is up', [], async (rig) => {
    const web = (version: string) => rig.puppet('web', { environment: { VERSION: version }, stop_grace_period: '20s' });
    rig.stack({ web: web('1') });
    await rig.up();
    await (await rig.next('web')).do(`ignore ${constants.signals.SIGTERM}`);
    rig.stack({ web: web('2') });
    const late = await rig.cli(['up', '--wait', '--wait-timeout', '2']);
    expect(late.code, late.stderr).toBe(5);
    expect(late.stderr).toMatch(
      /^error: cannot finish within 2 s\n {2}= what is still to be done:\n {4}recreate \S+-web-1: /m,
    );
    const stop = rig.start(['stop', '-t', '5']);
    const busy = ended(stop);
    await once(stop.stderr!, 'data');
    const { code, stderr } = await rig.cli(['up', '--wait', '--wait-timeout', '1']);
    expect(code, stderr).toBe(5);
    expect(stderr).toContain('cannot wait for the project any longer: another command still has it after 1 s');
    await busy;
  });

  scenario('shows the output of replicas that come later, and stops them too', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    const { child, run } = await foreground(rig);
    await (await rig.next('web')).print('first\n');
    let shown = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
    });
    await rig.ok(['scale', 'web=2']);
    await (await rig.next('web')).print('second\n');
    await eventually(() => expect(shown).toMatch(/^web-2 +\| second$/m));
    child.kill('SIGINT');
    expect((await run).code).toBe(0);
    expect(await puppets(rig)).toEqual([]);
  });
});
