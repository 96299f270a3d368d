import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { over, running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { killed, processesOf, supervisorsOf } from '../support/leaks.ts';
import { ended, type Rig, type ServiceText, scenario } from '../support/scenario.ts';

/** A root with a shell in it; `file` in the shared folder decides what a check says. */
const shell = (more: ServiceText = {}): ServiceText => ({
  rootfs: { host: ['/bin/sh', '/bin/sleep', '/bin/cat', '/bin/busybox'] },
  command: ['/bin/sh', '-c', 'trap "exit 0" TERM; while :; do sleep 1000 & wait; done'],
  network_mode: 'none',
  stop_grace_period: '1s',
  volumes: ['./shared:/shared'],
  ...more,
});

const check = (test: string, more: ServiceText = {}) => ({
  test: ['CMD-SHELL', test],
  interval: '300ms',
  timeout: '2s',
  retries: 2,
  ...more,
});

const health = (rig: Rig, service: string, wanted: string) =>
  eventually(async () => expect((await rig.row(service)).status).toMatchObject({ kind: 'running', health: wanted }), {
    withinMs: 20_000,
  });

const shared = (rig: Rig, name: string, text = ''): void => void rig.write(`shared/${name}`, text);
const events = (rig: Rig): string => readFileSync(`/var/lib/tscompose/projects/${rig.project}/events`, 'utf8');

describe('a health check', () => {
  scenario(
    'makes a container healthy and unhealthy as its command says, and up --wait waits for it',
    [],
    async (rig) => {
      shared(rig, 'good');
      rig.stack({ web: shell({ healthcheck: check('echo looked; test -e /shared/good') }) });
      const wait = await rig.cli(['up', '-d', '--wait']);
      expect(wait.code, wait.stderr).toBe(0);
      expect((await rig.row('web')).status).toMatchObject({ kind: 'running', health: 'healthy' });
      rig.write('shared/gone', '');
      rmSync(rig.path('shared/good'));
      await health(rig, 'web', 'unhealthy');
      expect(events(rig)).toContain('looked');
      shared(rig, 'good');
      await health(rig, 'web', 'healthy');
    },
  );

  scenario('that is never good ends up --wait with 5 and what it said', [], async (rig) => {
    rig.stack({ web: shell({ healthcheck: check('echo the disk is on fire; exit 3') }) });
    const wait = await rig.cli(['up', '-d', '--wait']);
    expect(wait.code).toBe(5);
    expect(wait.stderr).toContain('unhealthy');
    expect(wait.stderr).toContain('the disk is on fire');
  });

  scenario('that takes too long is killed with everything it has started', [], async (rig) => {
    rig.stack({
      web: shell({ healthcheck: check('busybox setsid sleep 4711 & sleep 4711', { timeout: '300ms', retries: 1 }) }),
    });
    await rig.up();
    await health(rig, 'web', 'unhealthy');
    await eventually(() => {
      const sleeping = processesOf(rig.project).filter(({ pid }) => commandOf(pid).includes('4711'));
      // The next probe may have begun: then there are its two, and no more.
      expect(sleeping.length).toBeLessThanOrEqual(3);
    });
  });

  scenario('may leave something running: that ends with it, and no limit fills up', [], async (rig) => {
    rig.write('shared/.keep', '');
    const leaving = 'busybox setsid sleep 4712 & sleep 4712 & echo probe >> /shared/probes; exit 0';
    rig.stack({ web: shell({ pids_limit: 12, healthcheck: check(leaving, { interval: '100ms' }) }) });
    await rig.up();
    const probes = () => readFileSync(rig.path('shared/probes'), 'utf8').split('\n').length - 1;
    await eventually(() => expect(probes()).toBeGreaterThan(12));
    await health(rig, 'web', 'healthy');
    // Those of the probe that is on its way, at most.
    await eventually(() => {
      const sleeping = processesOf(rig.project).filter(({ pid }) => commandOf(pid).includes('4712'));
      expect(sleeping.length).toBeLessThanOrEqual(3);
    });
  });

  scenario('goes on when its supervisor is killed', [], async (rig) => {
    shared(rig, 'good');
    rig.stack({ web: shell({ healthcheck: check('test -e /shared/good') }) });
    await rig.up();
    await health(rig, 'web', 'healthy');
    const [supervisor] = supervisorsOf(rig.project);
    expect(killed(supervisor as number)).toBe(true);
    rmSync(rig.path('shared/good'));
    await health(rig, 'web', 'unhealthy');
    expect(supervisorsOf(rig.project)).toHaveLength(1);
  });
});

const commandOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
};

describe('probes from outside', () => {
  scenario('see a port, an answer and a line, in a root without a shell and without a network', [], async (rig) => {
    const serve = (script: string): ServiceText => ({
      rootfs: { host: ['/bin/busybox'] },
      command: ['/bin/busybox', 'sh', '-c', script],
      network_mode: 'none',
      stop_grace_period: '100ms',
    });
    const probes = (readiness: ServiceText) => ({
      'x-tscompose': { probes: { readiness: { interval: '1s', ...readiness } } },
    });
    rig.stack({
      tcp: {
        ...serve('sleep 0.3; exec busybox httpd -f -p 7000'),
        ...probes({ tcp: { port: 7000 } }),
      },
      http: {
        ...serve('mkdir /www; echo fine > /www/ready; exec busybox httpd -f -p 8000 -h /www'),
        ...probes({ http: { port: 8000, path: '/ready' } }),
      },
      wrong: {
        ...serve('mkdir /www; exec busybox httpd -f -p 8000 -h /www'),
        ...probes({ http: { port: 8000, path: '/missing' }, interval: '200ms', retries: 2 }),
      },
      line: {
        ...serve('sleep 0.2; echo starting; echo ready to serve; sleep 1000'),
        ...probes({ log: { pattern: 'ready .* serve' } }),
      },
    });
    await rig.up();
    for (const service of ['tcp', 'http', 'line']) await health(rig, service, 'healthy');
    await health(rig, 'wrong', 'unhealthy');
    expect(events(rig)).toContain('/missing answered 404');
  });

  scenario('restart a container whose liveness probe does not pass', [], async (rig) => {
    shared(rig, 'alive');
    rig.stack({
      web: shell({
        'x-tscompose': {
          probes: {
            liveness: { exec: { command: ['/bin/sh', '-c', 'test -e /shared/alive'] }, interval: '200ms', retries: 2 },
          },
        },
      }),
    });
    await rig.up();
    const { pid } = await running(rig, 'web');
    rmSync(rig.path('shared/alive'));
    await eventually(async () => {
      expect((await running(rig, 'web')).pid).not.toBe(pid);
    });
    expect(events(rig)).toContain('is unhealthy');
    expect(existsSync(`/proc/${pid}`)).toBe(false);
  });
});

describe('a liveness probe', () => {
  const live = (action: string) =>
    shell({
      restart: 'always',
      'x-tscompose': {
        probes: {
          liveness: {
            exec: { command: ['/bin/sh', '-c', 'test -e /shared/alive'] },
            interval: '200ms',
            retries: 2,
            action,
          },
        },
      },
    });

  scenario('with action stop stops for good, and with none only says so', [], async (rig) => {
    shared(rig, 'alive');
    rig.stack({ halt: live('stop'), show: live('none') });
    await rig.up();
    const { pid } = await running(rig, 'show');
    await running(rig, 'halt');
    rmSync(rig.path('shared/alive'));
    const row = await over(rig, 'halt');
    expect(row).toMatchObject({ stoppedByUser: true, restarts: 0 });
    await eventually(async () => expect((await rig.ok(['why', 'show'])).stdout).toContain('became unhealthy'));
    expect((await running(rig, 'show')).pid).toBe(pid);
    expect((await rig.row('halt')).status).toMatchObject({ kind: 'exited' });
  });
});

describe('a container that was paused', () => {
  scenario('goes on with its health check after up, which waits for it', [], async (rig) => {
    shared(rig, 'good');
    shared(rig, 'ticks');
    rig.stack({
      web: shell({ healthcheck: check('test -e /shared/good') }),
      clock: shell({ healthcheck: check('echo >> /shared/ticks') }),
    });
    const ticks = () => readFileSync(rig.path('shared/ticks'), 'utf8').length;
    await rig.up();
    await health(rig, 'web', 'healthy');
    const { pid } = await running(rig, 'web');
    await rig.ok(['pause', 'web']);
    rmSync(rig.path('shared/good'));
    // Some intervals later it is still no failure: it could not have answered.
    const atPause = ticks();
    await eventually(() => expect(ticks()).toBeGreaterThan(atPause + 4));
    expect((await rig.ok(['why', 'web'])).stdout).not.toContain('became unhealthy');
    shared(rig, 'good');
    await rig.ok(['up', '-d', '--wait']);
    expect((await rig.row('web')).status).toMatchObject({ kind: 'running', health: 'healthy', pid });
    rmSync(rig.path('shared/good'));
    await health(rig, 'web', 'unhealthy');
  });
});

describe('an https probe', () => {
  scenario('asks a server whose certificate nobody has signed', ['openssl'], async (rig) => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=test'];
    mkdirSync(rig.path('shared'));
    execFileSync(
      'openssl',
      [...['req', '-x509', ...key, '-keyout', rig.path('shared/key.pem'), '-out', rig.path('shared/cert.pem')]],
      { stdio: 'ignore' },
    );
    const serve = (more: ServiceText): ServiceText => ({
      rootfs: { host: ['openssl'] },
      command: [
        'openssl',
        's_server',
        '-accept',
        '8443',
        '-key',
        '/shared/key.pem',
        '-cert',
        '/shared/cert.pem',
        '-www',
      ],
      network_mode: 'none',
      stop_grace_period: '100ms',
      volumes: ['./shared:/shared'],
      'x-tscompose': { probes: { readiness: { interval: '200ms', retries: 2, ...more } } },
    });
    rig.stack({
      good: serve({ http: { port: 8443, scheme: 'https' } }),
      wrong: serve({ http: { port: 8443, scheme: 'https', status: 204 } }),
      plain: serve({ http: { port: 8443 } }),
    });
    await rig.up();
    await health(rig, 'good', 'healthy');
    await health(rig, 'wrong', 'unhealthy');
    await health(rig, 'plain', 'unhealthy');
    expect(events(rig)).toContain('/ answered 200');
  });
});

describe('depends_on', () => {
  scenario(
    'service_completed goes on whatever the end was, service_completed_successfully does not',
    [],
    async (rig) => {
      const job = { ...shell(), command: ['/bin/sh', '-c', 'exit 3'] };
      const dependent = (condition: string): ServiceText =>
        condition === 'service_completed'
          ? {
              depends_on: { job: { condition: 'service_started' } },
              'x-tscompose': { depends_on: { job: { condition } } },
            }
          : { depends_on: { job: { condition } } };
      rig.stack({
        job,
        any: shell(dependent('service_completed')),
        good: shell(dependent('service_completed_successfully')),
      });
      const up = await rig.cli(['up', '-d', 'any']);
      expect(up.code, up.stderr).toBe(0);
      await running(rig, 'any');
      const other = await rig.cli(['up', '-d', 'good']);
      expect(other.code).toBe(1);
      expect(other.stderr).toContain('it ended with code 3');
      expect((await rig.row('good')).status['kind']).toBe('created');
    },
  );

  scenario('on a good end lasts as long as the restart policy tries for one', [], async (rig) => {
    const tries = (more: ServiceText): ServiceText => ({
      ...shell({ restart: 'on-failure:2' }),
      command: ['/bin/sh', '-c', 'echo try; test -e /shared/tried && exit $$GOOD; : >/shared/tried; exit 3'],
      ...more,
    });
    const web = shell({ depends_on: { job: { condition: 'service_completed_successfully' } } });
    mkdirSync(rig.path('shared'));
    rig.stack({ job: tries({ environment: { GOOD: '0' } }), web });
    await rig.ok(['up', '-d']);
    await running(rig, 'web');
    expect((await rig.ok(['logs', '--no-log-prefix', 'job'])).stdout).toBe('try\ntry\n');
    rig.stack({ job: tries({ environment: { GOOD: '4' } }), web });
    const { code, stderr } = await rig.cli(['up', '-d', '--force-recreate']);
    expect(code, stderr).toBe(1);
    expect(stderr).toContain(
      'its restart policy has given it up: all its attempts are used up; the last time it ended with code 4',
    );
  });

  scenario('on the health of a service without a health check is refused before anything is made', [], async (rig) => {
    rig.stack({ db: shell(), web: shell({ depends_on: { db: { condition: 'service_healthy' } } }) });
    const { code, stderr } = await rig.cli(['up', '-d']);
    expect(code, stderr).toBe(3);
    expect(stderr).toContain('cannot wait until "db" is healthy: it has no health check');
    expect(await rig.ps()).toEqual([]);
    rig.stack({ db: shell(), web: shell({ depends_on: { db: { condition: 'service_healthy', required: false } } }) });
    await rig.up();
    await running(rig, 'web');
  });

  scenario(
    'starts a dependent only when its dependency is healthy, has completed, or has written a line',
    [],
    async (rig) => {
      rig.stack({
        db: shell({ healthcheck: check('test -e /shared/db-is-ready', { interval: '100ms', retries: 1000 }) }),
        init: { ...shell(), command: ['/bin/sh', '-c', 'until test -e /shared/init-may-end; do sleep 0.05; done'] },
        talk: {
          ...shell(),
          command: ['/bin/sh', '-c', 'until test -e /shared/talk; do sleep 0.05; done; echo hello there; sleep 1000'],
        },
        web: shell({
          depends_on: {
            db: { condition: 'service_healthy' },
            init: { condition: 'service_completed_successfully' },
            talk: { condition: 'service_started' },
          },
          'x-tscompose': { depends_on: { talk: { condition: 'service_log_line', pattern: 'hello t.ere' } } },
        }),
      });
      const up = rig.cli(['up', '-d']);
      await running(rig, 'db');
      const isUp = async () =>
        (await rig.ps()).some((row) => row.service === 'web' && row.status['kind'] === 'running');
      for (const name of ['db-is-ready', 'init-may-end']) {
        shared(rig, name);
        expect(await isUp()).toBe(false);
      }
      shared(rig, 'talk');
      const done = await up;
      expect(done.code, done.stderr).toBe(0);
      expect(await isUp()).toBe(true);
    },
  );

  scenario(
    'with restart: true takes the dependent along when the dependency comes back from a crash',
    [],
    async (rig) => {
      rig.stack({
        db: rig.puppet('db', { restart: 'always' }),
        web: rig.puppet('web', { depends_on: { db: { condition: 'service_started', restart: true } } }),
        other: rig.puppet('other', { depends_on: ['db'] }),
      });
      await rig.up();
      const other = await running(rig, 'other');
      await rig.next('web');
      (await rig.next('db')).tell('raise 9');
      await rig.next('db');
      await rig.next('web');
      await eventually(() => expect(events(rig)).toContain('db is restarted'));
      expect((await running(rig, 'other')).pid).toBe(other.pid);
    },
  );

  scenario(
    'with restart: true is followed though the supervisor is killed before that, or in the middle of it',
    [],
    async (rig) => {
      const deaf = 'trap "echo > /shared/termed" TERM; while sleep 0.05; do :; done';
      const prepare = 'echo > /shared/preparing; until test -e /shared/go; do sleep 0.05; done';
      rig.stack({
        db: rig.puppet('db', { restart: 'always' }),
        web: shell({
          command: ['/bin/sh', '-c', deaf],
          depends_on: { db: { condition: 'service_started', restart: true } },
          pre_stop: [{ command: ['/bin/sh', '-c', prepare] }],
        }),
      });
      shared(rig, 'keep');
      await rig.up();
      let web = await running(rig, 'web');
      for (const moment of ['preparing', 'termed']) {
        if (moment === 'termed') shared(rig, 'go');
        (await rig.next('db')).tell('raise 9');
        await eventually(() => expect(existsSync(rig.path(`shared/${moment}`))).toBe(true));
        for (const pid of supervisorsOf(rig.project)) killed(pid);
        shared(rig, 'go');
        await eventually(async () => expect((await running(rig, 'web')).pid).not.toBe(web.pid));
        web = await running(rig, 'web');
        const db = await running(rig, 'db');
        expect(web.status['startedAtMs']).toBeGreaterThan(db.status['startedAtMs'] as number);
        for (const name of ['preparing', 'termed', 'go']) rmSync(rig.path(`shared/${name}`));
      }
      shared(rig, 'go');
      const rows = async () => [await rig.row('db'), await rig.row('web')];
      expect(await rows()).toMatchObject([{ restarts: 2 }, { restarts: 2 }]);
      await eventually(() => expect(supervisorsOf(rig.project)).toEqual([]), { withinMs: 20_000 });
      expect(await rows()).toMatchObject([{ restarts: 2 }, { restarts: 2 }]);
    },
  );

  scenario(
    'with restart: true ends before up brings back the dependency that crashed, and starts after it',
    [],
    async (rig) => {
      rig.write('shared/.keep', '');
      const untilCrash = 'trap "exit 0" TERM; until test -e /shared/crash; do sleep 0.05; done; exit 9';
      const blocked =
        'echo > /shared/stopping; i=0; until test -e /shared/go -o $$i = 200; do sleep 0.05; i=$$((i + 1)); done';
      rig.stack({
        db: shell({
          command: ['/bin/sh', '-c', untilCrash],
          deploy: { restart_policy: { condition: 'any', delay: '10m' } },
        }),
        web: shell({
          depends_on: { db: { condition: 'service_started', restart: true } },
          pre_stop: [{ command: ['/bin/sh', '-c', blocked] }],
        }),
      });
      await rig.up();
      const web = await running(rig, 'web');
      rig.write('shared/crash', '');
      await over(rig, 'db');
      rmSync(rig.path('shared/crash'));
      const up = ended(rig.start(['up', '-d']));
      await eventually(() => expect(existsSync(rig.path('shared/stopping'))).toBe(true));
      expect((await rig.row('db')).status).toMatchObject({ kind: 'exited', exitCode: 9 });
      rig.write('shared/go', '');
      expect((await up).code).toBe(0);
      const [db, next] = [await running(rig, 'db'), await running(rig, 'web')];
      expect(next.pid).not.toBe(web.pid);
      expect(next.status['startedAtMs']).toBeGreaterThan(db.status['startedAtMs'] as number);
    },
  );

  scenario(
    'on the health of what has ended for good, whatever its restart policy, is over at once',
    [],
    async (rig) => {
      rig.stack({
        db: shell({
          command: ['/bin/sh', '-c', 'exit 0'],
          restart: 'on-failure',
          healthcheck: check('false', { retries: 1000 }),
        }),
        web: shell({ depends_on: { db: { condition: 'service_healthy' } } }),
      });
      const { code, stderr } = await rig.cli(['up', '-d']);
      expect(code, stderr).toBe(1);
      expect(stderr).toContain('it ended with code 0');
      expect((await rig.row('web')).status['kind']).toBe('created');
    },
  );

  scenario('of a dependency that crashes before it is healthy waits for the life that is', [], async (rig) => {
    const script =
      'if test -e /shared/second; then trap "exit 0" TERM; sleep 1000 & wait; else echo > /shared/second; exit 1; fi';
    rig.stack({
      db: shell({
        command: ['/bin/sh', '-c', script],
        restart: 'always',
        healthcheck: check('test -e /shared/second', { start_period: '10s', interval: '100ms' }),
      }),
      web: shell({ depends_on: { db: { condition: 'service_healthy' } } }),
    });
    const up = await rig.cli(['up', '-d']);
    expect(up.code, up.stderr).toBe(0);
    await running(rig, 'web');
  });
});
