import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { over, running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { later } from '../support/later.ts';
import { kill, killed, killOurs, processesOf, supervisorsOf } from '../support/leaks.ts';
import { ended, type Rig, scenario } from '../support/scenario.ts';

const restarts = async (rig: Rig, service: string): Promise<number> =>
  ((await rig.row(service)) as unknown as { restarts: number }).restarts;

const idle = (rig: Rig, withinMs = 20_000) =>
  eventually(() => expect(supervisorsOf(rig.project)).toEqual([]), { withinMs });

describe('restart', () => {
  scenario('of what could not come back is refused before it is stopped', [], async (rig) => {
    const needs = { job: { condition: 'service_completed_successfully' } };
    rig.stack({ job: rig.puppet('job'), web: rig.puppet('web', { depends_on: needs }) });
    await rig.hold();
    const up = later(rig.ok(['up', '-d']));
    (await rig.next('job')).tell('exit 0');
    await up;
    await rig.next('web');
    const before = await running(rig, 'web');
    await rig.ok(['start', 'job']);
    (await rig.next('job')).tell('exit 3');
    await over(rig, 'job');
    const run = await rig.cli(['restart', 'web']);
    expect(run.code).toBe(1);
    expect(run.stderr).toContain(
      `cannot wait until "job" has completed successfully: ${rig.project}-job-1 has ended with code 3`,
    );
    expect(await running(rig, 'web')).toEqual(before);
  });
});

describe('restart: always', () => {
  scenario(
    'brings a container back after a crash and after a good end, in the same cgroup and log',
    [],
    async (rig) => {
      rig.stack({ web: rig.puppet('web', { restart: 'always' }) });
      await rig.up();
      const first = await rig.next('web');
      await first.print('first\n');
      expect(supervisorsOf(rig.project)).toEqual([]);
      first.tell('raise 11');
      const second = await rig.next('web');
      await second.print('second\n');
      second.tell('exit 0');
      const third = await rig.next('web');
      await third.print('third\n');
      await eventually(async () => {
        expect((await rig.ok(['logs', '--no-log-prefix', 'web'])).stdout).toBe('first\nsecond\nthird\n');
      });
      expect(await restarts(rig, 'web')).toBe(2);
    },
  );

  scenario('leaves a container alone that the user has stopped, until it is started again', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { restart: 'always' }) });
    await rig.up();
    (await rig.next('web')).tell('exit 1');
    await rig.next('web');
    await rig.ok(['stop', 'web']);
    await over(rig, 'web');
    await idle(rig);
    expect((await over(rig, 'web')).status).toMatchObject({ kind: 'exited' });
    await rig.ok(['start', 'web']);
    (await rig.next('web')).tell('exit 1');
    await rig.next('web');
    expect(await restarts(rig, 'web')).toBe(1);
  });

  scenario('costs no resident process once the container has lived for a while', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { restart: 'always' }) });
    await rig.up();
    (await rig.next('web')).tell('exit 1');
    await rig.next('web');
    expect(supervisorsOf(rig.project)).toHaveLength(1);
    await idle(rig);
    expect((await running(rig, 'web')).status).toMatchObject({ kind: 'running' });
  });
});

describe('other policies', () => {
  scenario('on-failure:2 tries twice, then leaves it ended; a good end is left alone', [], async (rig) => {
    rig.stack({
      bad: rig.puppet('bad', { restart: 'on-failure:2' }),
      good: rig.puppet('good', { restart: 'on-failure' }),
      plain: rig.puppet('plain'),
    });
    await rig.up();
    for (let life = 0; life < 3; life++) (await rig.next('bad')).tell('exit 7');
    (await rig.next('good')).tell('exit 0');
    (await rig.next('plain')).tell('exit 1');
    await idle(rig);
    expect((await rig.row('bad')).status).toMatchObject({ kind: 'exited', exitCode: 7 });
    expect((await rig.row('good')).status).toMatchObject({ kind: 'exited', exitCode: 0 });
    expect((await rig.row('plain')).status).toMatchObject({ kind: 'exited', exitCode: 1 });
    expect(await restarts(rig, 'bad')).toBe(2);
    const history = readFileSync(`/var/lib/tscompose/projects/${rig.project}/events`, 'utf8');
    expect(history).toContain('"attempts-used-up"');
  });

  scenario('is seen to its last attempt by up and logs -f, and not only to the one before', [], async (rig) => {
    rig.stack({ bad: rig.puppet('bad', { restart: 'on-failure:2' }) });
    await rig.hold();
    const up = ended(rig.start(['up', '--abort-on-container-failure']));
    for (const life of ['first', 'second']) {
      const puppet = await rig.next('bad');
      await puppet.print(`${life}\n`);
      puppet.tell('exit 7');
    }
    const last = await rig.next('bad');
    await last.print('last\n');
    const follower = rig.start(['logs', '-f']);
    const logs = ended(follower);
    await once(follower.stdout!, 'data');
    last.tell('exit 8');
    const { code, stdout } = await up;
    expect([code, stdout.split('bad-1 exited with code 7 (restarting)\n').length]).toEqual([8, 3]);
    expect(stdout).toMatch(/bad-1 \| last\nbad-1 exited with code 8\n$/);
    expect((await logs).stdout).toMatch(/bad-1 exited with code 8\n$/);
  });

  scenario('with 0 attempts tries without end, as in Docker', [], async (rig) => {
    rig.stack({ bad: rig.puppet('bad', { restart: 'on-failure:0' }) });
    await rig.up();
    for (let life = 0; life < 2; life++) (await rig.next('bad')).tell('exit 7');
    await rig.next('bad');
  });

  scenario('deploy.restart_policy waits its delay and counts its attempts', [], async (rig) => {
    const restart_policy = { condition: 'any', delay: '700ms', max_attempts: 1 };
    rig.stack({ web: rig.puppet('web', { deploy: { restart_policy } }) });
    await rig.up();
    const first = await rig.next('web');
    const began = performance.now();
    first.tell('exit 1');
    (await rig.next('web')).tell('exit 1');
    expect(performance.now() - began).toBeGreaterThan(690);
    await idle(rig);
    expect((await over(rig, 'web')).status).toMatchObject({ exitCode: 1 });
  });
});

describe('a start limit', () => {
  const limited = (rig: Rig) => ({
    restart: 'always',
    'x-tscompose': { start_limit: { burst: 2, interval: '1m' } },
    healthcheck: { test: ['CMD', '/bin/puppet'], interval: '10s' },
    ...rig.puppet('web'),
  });
  const given = async (rig: Rig) => ((await rig.row('web')) as unknown as { givenUp?: string }).givenUp;

  scenario('ends a crash loop, says so in ps and why, and a start by hand begins anew', [], async (rig) => {
    rig.stack({ web: limited(rig) });
    await rig.up();
    const logs = ended(rig.start(['logs', '-f']));
    for (let life = 0; life < 3; life++) (await rig.next('web')).tell('exit 7');
    await idle(rig);
    expect((await logs).stdout).toMatch(/web-1 exited with code 7[^\n]*\n$/);
    expect(await given(rig)).toBe('start-limit');
    expect((await rig.row('web')).status).toMatchObject({ kind: 'exited', exitCode: 7 });
    expect(await restarts(rig, 'web')).toBe(2);
    expect((await rig.ok(['ps', '-a'])).stdout).toContain('given up');
    expect((await rig.ok(['why', 'web'])).stdout).toContain('given up: it ended too often in a short time');
    await rig.ok(['start', 'web']);
    await rig.next('web');
    expect(await given(rig)).toBeUndefined();
    await rig.ok(['stop', 'web']);
  });

  scenario('does not count the ends of a container that was made anew since', [], async (rig) => {
    rig.stack({ web: limited(rig) });
    await rig.up();
    for (let life = 0; life < 2; life++) (await rig.next('web')).tell('exit 7');
    await rig.next('web');
    await rig.up('--force-recreate');
    for (let life = 0; life < 2; life++) (await rig.next('web')).tell('exit 7');
    await rig.next('web');
    expect(await given(rig)).toBeUndefined();
    expect((await rig.row('web')).status).toMatchObject({ kind: 'running' });
  });

  scenario('ends an up --wait at once, with the reason', [], async (rig) => {
    rig.stack({ web: limited(rig) });
    await rig.hold();
    const up = rig.cli(['up', '-d', '--wait']);
    for (let life = 0; life < 3; life++) (await rig.next('web')).tell('exit 7');
    const { code, stderr } = await up;
    expect(code).toBe(5);
    expect(stderr).toContain('its restart policy has given it up: it ended too often in a short time');
    expect(stderr).toContain('code 7');
  });

  scenario('is a mistake when it allows nothing', [], async (rig) => {
    rig.stack({ web: { ...rig.puppet('web'), 'x-tscompose': { start_limit: { burst: 0 } } } });
    const { code, stderr } = await rig.cli(['config']);
    expect(code).toBe(3);
    expect(stderr).toContain('burst');
  });
});

describe('a supervisor killed with SIGKILL', () => {
  scenario('in the back-off is followed by another one, which goes on with it', [], async (rig) => {
    const restart_policy = { condition: 'any', delay: '1500ms' };
    rig.stack({ web: rig.puppet('web', { deploy: { restart_policy } }) });
    await rig.up();
    (await rig.next('web')).tell('exit 1');
    const [supervisor] = await eventually(() => {
      const found = supervisorsOf(rig.project);
      expect(found).toHaveLength(1);
      const history = readFileSync(`/var/lib/tscompose/projects/${rig.project}/events`, 'utf8');
      expect(history).toContain('restart-planned');
      return found;
    });
    killed(supervisor as number);
    await rig.next('web');
    expect(await restarts(rig, 'web')).toBe(1);
    expect(supervisorsOf(rig.project)).not.toContain(supervisor);
  });

  scenario('while it rests beside running containers is followed by another one', [], async (rig) => {
    rig.stack({ a: rig.puppet('a', { restart: 'always' }), b: rig.puppet('b', { restart: 'always' }) });
    await rig.up();
    (await rig.next('a')).tell('exit 1');
    await rig.next('a');
    const [supervisor] = supervisorsOf(rig.project);
    killed(supervisor as number);
    const b = await rig.next('b');
    b.tell('exit 1');
    await rig.next('b');
    expect(await restarts(rig, 'a')).toBe(1);
    expect(await restarts(rig, 'b')).toBe(1);
    expect(supervisorsOf(rig.project).length).toBeLessThanOrEqual(1);
  });
});

describe('time and again', () => {
  scenario('a supervisor that was stopped for a while does what is due when it goes on', [], async (rig) => {
    rig.stack({ a: rig.puppet('a', { restart: 'always' }), b: rig.puppet('b', { restart: 'always' }) });
    await rig.up();
    const b = await rig.next('b');
    (await rig.next('a')).tell('exit 1');
    await rig.next('a');
    const [supervisor] = supervisorsOf(rig.project);
    kill(supervisor as number, 'SIGSTOP');
    b.tell('exit 1');
    await over(rig, 'b');
    expect(supervisorsOf(rig.project)).toEqual([supervisor]);
    kill(supervisor as number, 'SIGCONT');
    await rig.next('b');
    expect(await restarts(rig, 'b')).toBe(1);
  });

  scenario('up brings everything back when all processes and /run are gone, as after a boot', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { restart: 'always' }), db: rig.puppet('db', { restart: 'unless-stopped' }) });
    await rig.up();
    for (const service of ['web', 'db']) await rig.next(service);
    killOurs(rig.project);
    for (const service of ['web', 'db']) killed((await rig.row(service)).status['pid'] as number);
    await eventually(() => expect(processesOf(rig.project)).toEqual([]));
    for (const name of ['', '.lock', '.supervisor.lock', '.keeper.lock', '.keeper.sock']) {
      rmSync(`/run/tscompose/${rig.project}${name}`, { recursive: true, force: true });
    }
    await rig.ok(['up', '-d']);
    (await rig.next('web')).tell('exit 1');
    await rig.next('db');
    await rig.next('web');
  });
});

describe('containers that end at once', () => {
  const lives = 50;
  const replicas = 20;

  scenario(
    'a thousand times have every end counted and every line kept',
    [],
    async (rig) => {
      const restart_policy = { condition: 'any', delay: '0s', max_attempts: lives - 1 };
      rig.stack({
        job: {
          rootfs: { host: ['/bin/echo'] },
          command: ['/bin/echo', 'line'],
          network_mode: 'none',
          deploy: { replicas, restart_policy },
        },
      });
      await rig.up();
      await eventually(
        async () => {
          const rows = (await rig.ps()) as unknown as { restarts: number; givenUp?: string }[];
          expect(rows.filter((row) => row.restarts === lives - 1 && row.givenUp === 'attempts-used-up')).toHaveLength(
            replicas,
          );
        },
        { withinMs: 100_000 },
      );
      const lines = (await rig.ok(['logs', '--no-log-prefix'])).stdout.split('\n').filter((line) => line === 'line');
      expect(lines).toHaveLength(replicas * lives);
      await idle(rig);
    },
    180_000,
  );
});
