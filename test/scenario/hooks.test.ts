import { readFileSync, rmSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { holdLock, supervisorLock } from '../support/held-lock.ts';
import { killed, processesOf, supervisorsOf } from '../support/leaks.ts';
import { ended, type Rig, type ServiceText, scenario } from '../support/scenario.ts';

const note = (text: string) => ({ command: ['/bin/sh', '-c', `echo "${text}" >> /shared/notes`] });

/** Ends as it is told to by a file in the shared folder. */
const service = (more: ServiceText): ServiceText => ({
  rootfs: { host: ['/bin/sh', '/bin/sleep', '/bin/rm'] },
  command: [
    '/bin/sh',
    '-c',
    'trap "exit 0" TERM; until test -e /shared/crash; do sleep 0.05; done; rm /shared/crash; exit 9',
  ],
  network_mode: 'none',
  volumes: ['./shared:/shared'],
  ...more,
});

const notes = (rig: Rig): string[] => {
  try {
    return readFileSync(rig.path('shared/notes'), 'utf8').trim().split('\n');
  } catch {
    return [];
  }
};

describe('hooks', () => {
  scenario('run around every life: at up, after a crash with its restart, and at down', [], async (rig) => {
    rig.write('shared/.keep', '');
    rig.stack({
      web: service({
        restart: 'always',
        pre_start: [note('pre-start')],
        post_start: [note('post-start')],
        pre_stop: [note('pre-stop')],
        'x-tscompose': { post_stop: [note('post-stop $$SERVICE_RESULT $$EXIT_CODE $$EXIT_STATUS')] },
      }),
    });
    await rig.up();
    expect(notes(rig)).toEqual(['pre-start', 'post-start']);
    const { pid } = await running(rig, 'web');
    rig.write('shared/crash', '');
    await eventually(() =>
      expect(notes(rig)).toEqual(['pre-start', 'post-start', 'post-stop exit-code exited 9', 'post-start']),
    );
    expect((await running(rig, 'web')).pid).not.toBe(pid);
    await rig.ok(['down']);
    expect(notes(rig).slice(4)).toEqual(['pre-stop', 'post-stop success exited 0']);
  });

  scenario('after the start and before the stop that fail, fail the command, and say how', [], async (rig) => {
    const failing = (code: number) => ({ command: ['/bin/sh', '-c', `echo no luck >&2; exit ${code}`] });
    rig.write('shared/.keep', '');
    rig.stack({ web: service({ post_start: [failing(4)], pre_stop: [failing(6)] }) });
    const up = await rig.cli(['up', '-d']);
    expect(up.code, up.stderr).toBe(1);
    expect(up.stderr).toMatch(/cannot finish the post-start hook of \S+-web-1: \S+ ended with code 4/);
    expect(up.stderr).toContain('no luck');
    // As with docker compose it is not taken down: what it has begun may be looked at.
    expect((await rig.row('web')).status).toMatchObject({ kind: 'running' });
    const stop = await rig.cli(['stop']);
    expect(stop.code, stop.stderr).toBe(1);
    expect(stop.stderr).toMatch(/cannot finish the pre-stop hook of \S+-web-1: \S+ ended with code 6/);
    expect(stop.stderr).toContain('tscompose kill ends a container without its pre_stop hooks');
    await rig.ok(['kill']);
  });

  scenario('after the start may leave something running, which nobody waits for', [], async (rig) => {
    rig.write('shared/.keep', '');
    const daemon = { command: ['/bin/sh', '-c', 'sleep 1000 & echo "$!" > /shared/notes'] };
    rig.stack({ web: service({ post_start: [daemon] }) });
    await rig.up();
    expect(notes(rig)).toHaveLength(1);
    expect((await rig.ok(['top'])).stdout).toContain('sleep 1000');
  });

  scenario('before the stop that hangs goes with the command that is interrupted', [], async (rig) => {
    rig.write('shared/.keep', '');
    const hanging = { command: ['/bin/sh', '-c', 'echo began >> /shared/notes; sleep 1000'] };
    rig.stack({ web: service({ pre_stop: [hanging] }) });
    await rig.up();
    const down = rig.start(['down']);
    await eventually(() => expect(notes(rig)).toEqual(['began']));
    down.kill('SIGINT');
    expect((await ended(down)).code).toBe(130);
    await eventually(async () => expect((await rig.ok(['top'])).stdout).not.toContain('sleep 1000'));
    expect((await rig.row('web')).status).toMatchObject({ kind: 'running' });
    await rig.ok(['kill']);
  });

  scenario('before the stop that hangs is no matter for a second Ctrl-C', [], async (rig) => {
    rig.write('shared/.keep', '');
    const hanging = { command: ['/bin/sh', '-c', 'echo began >> /shared/notes; sleep 1000'] };
    rig.stack({ web: service({ pre_stop: [hanging] }) });
    const up = rig.start(['up']);
    const end = ended(up);
    await running(rig, 'web');
    up.kill('SIGINT');
    await eventually(() => expect(notes(rig)).toEqual(['began']));
    up.kill('SIGINT');
    expect((await end).code).toBe(130);
    expect((await rig.row('web')).status.kind).toBe('exited');
    expect(notes(rig)).toEqual(['began']);
  });

  scenario('before the stop of what ends by itself meanwhile fails nothing', [], async (rig) => {
    rig.write('shared/.keep', '');
    const crashing = { command: ['/bin/sh', '-c', 'echo > /shared/crash; sleep 1000'] };
    rig.stack({ web: service({ pre_stop: [crashing] }) });
    await rig.up();
    await rig.ok(['down']);
    expect(await rig.ps()).toEqual([]);
  });

  scenario('after the start of what has ended by then fails with that as the reason', [], async (rig) => {
    rig.write('shared/.keep', '');
    const crashing = { command: ['/bin/sh', '-c', 'echo > /shared/crash; sleep 1000'] };
    rig.stack({ web: service({ post_start: [crashing] }) });
    const up = await rig.cli(['up', '-d']);
    expect(up.code, up.stderr).toBe(1);
    expect(up.stderr).toMatch(/cannot finish the post-start hook of \S+-web-1: the container has ended/);
  });

  scenario('after an end run without a restart policy too', [], async (rig) => {
    rig.write('shared/.keep', '');
    rig.stack({ web: service({ 'x-tscompose': { post_stop: [note('$$EXIT_CODE $$EXIT_STATUS')] } }) });
    await rig.up();
    rig.write('shared/crash', '');
    await eventually(() => expect(notes(rig)).toEqual(['exited 9']));
  });
});

describe('a hook after a start', () => {
  const wait = (name: string) => ({
    command: [
      '/bin/sh',
      '-c',
      `echo ${name} >> /shared/notes; until test -e /shared/go; do sleep 0.05; done; echo ${name} done >> /shared/notes`,
    ],
  });

  scenario('that was cut off with its up is run again by the next one, and those behind it', [], async (rig) => {
    rig.write('shared/.keep', '');
    rig.stack({ web: service({ post_start: [note('first'), wait('second'), note('third')] }) });
    for (const signal of ['SIGKILL', 'SIGINT'] as const) {
      const before = notes(rig).length;
      const up = rig.start(['up', '-d']);
      const over = ended(up);
      await eventually(() => expect(notes(rig).slice(before)).toEqual(['first', 'second']));
      up.kill(signal);
      await over;
      const { pid } = await running(rig, 'web');
      expect((await rig.ok(['plan'])).stdout).toContain('run post-start hook of');
      rig.write('shared/go', '');
      await rig.ok(['up', '-d']);
      expect(notes(rig).slice(before)).toEqual(['first', 'second', 'second', 'second done', 'third']);
      expect((await running(rig, 'web')).pid).toBe(pid);
      expect((await rig.ok(['up', '-d'])).stderr).toContain('up to date');
      rmSync(rig.path('shared/go'));
      await rig.ok(['down']);
    }
  });

  scenario(
    'that fails is tried again by the next up and by start, and all is well when it succeeds',
    [],
    async (rig) => {
      rig.write('shared/.keep', '');
      rig.stack({
        web: service({
          post_start: [{ command: ['/bin/sh', '-c', 'echo tried >> /shared/notes; test -e /shared/go'] }],
        }),
      });
      for (const command of [['up', '-d'], ['start']]) expect((await rig.cli(command)).code).toBe(1);
      rig.write('shared/go', '');
      await rig.ok(['up', '-d']);
      await rig.ok(['up', '-d']);
      await rig.ok(['start']);
      expect(notes(rig)).toEqual(['tried', 'tried', 'tried']);
    },
  );

  scenario('that was interrupted is not run again by a supervisor, for which a down would wait', [], async (rig) => {
    rig.write('shared/.keep', '');
    const healthcheck = { test: ['CMD', '/bin/sh', '-c', ':'], interval: '1s' };
    rig.stack({ web: service({ healthcheck, post_start: [wait('hook')] }) });
    const up = rig.start(['up', '-d']);
    const over = ended(up);
    await eventually(() => expect(notes(rig)).toEqual(['hook']));
    await eventually(() => expect(supervisorsOf(rig.project)).not.toEqual([]));
    up.kill('SIGINT');
    expect((await over).code).toBe(130);
    await rig.ok(['down']);
    expect(notes(rig)).toEqual(['hook']);
  });

  scenario('that was cut off with the supervisor is run by the next supervisor', [], async (rig) => {
    rig.write('shared/.keep', '');
    rig.stack({ web: service({ restart: 'always', post_start: [wait('hook')] }) });
    rig.write('shared/go', '');
    await rig.up();
    rmSync(rig.path('shared/go'));
    rig.write('shared/crash', '');
    await eventually(() => expect(notes(rig)).toEqual(['hook', 'hook done', 'hook']));
    for (const supervisor of supervisorsOf(rig.project)) killed(supervisor);
    await eventually(() => expect(notes(rig)).toEqual(['hook', 'hook done', 'hook', 'hook']));
    rig.write('shared/go', '');
    await eventually(() => expect(notes(rig).at(-1)).toBe('hook done'));
    await eventually(() => expect(supervisorsOf(rig.project)).toEqual([]), { withinMs: 20_000 });
    expect(notes(rig)).toHaveLength(5);
    expect(await rig.row('web')).toMatchObject({ restarts: 1 });
    expect((await rig.ok(['why', 'web'])).stdout).toContain('post-start hook by supervise: not done since its start');
  });
});

describe('a hook after an end', () => {
  const blocked = {
    command: [
      '/bin/sh',
      '-c',
      'echo began >> /shared/notes; until test -e /shared/go; do sleep 0.05; done; echo done >> /shared/notes',
    ],
  };

  scenario('is run again by the next supervisor when the one that ran it was killed', [], async (rig) => {
    rig.write('shared/.keep', '');
    rig.stack({ web: service({ 'x-tscompose': { post_stop: [blocked] } }) });
    await rig.up();
    rig.write('shared/crash', '');
    await eventually(() => expect(notes(rig)).toEqual(['began']));
    for (const supervisor of supervisorsOf(rig.project)) killed(supervisor);
    await eventually(() => expect(notes(rig)).toEqual(['began', 'began']));
    rig.write('shared/go', '');
    await eventually(() => expect(notes(rig).at(-1)).toBe('done'));
    await eventually(() => expect(supervisorsOf(rig.project)).toEqual([]));
    expect((await rig.ok(['why', 'web'])).stdout).toContain('post-stop hook by supervise');
    expect(processesOf(rig.project).filter(({ because }) => because.includes('.hook'))).toEqual([]);
  });

  scenario('that hangs ends with the down -t 0, or the kill, that would wait for it', [], async (rig) => {
    rig.write('shared/.keep', '');
    rig.stack({
      // With a restart policy it may run again before the lock is had, and then end once more, in the hands of `down`.
      web: service({ 'x-tscompose': { post_stop: [blocked] } }),
      other: { ...service({}), command: ['/bin/sleep', '1000'] },
    });
    for (const command of [['kill'], ['down', '-t', '0']]) {
      await rig.up();
      const before = notes(rig).length;
      rig.write('shared/crash', '');
      await eventually(() => expect(notes(rig)).toHaveLength(before + 1));
      await rig.ok(command);
    }
    expect(await rig.ps()).toEqual([]);
    expect(notes(rig)).not.toContain('done');
  });

  scenario('or before a stop has no longer than -t says, and down goes on without it', [], async (rig) => {
    rig.write('shared/.keep', '');
    const hanging = (name: string, only = 'true') => ({
      command: ['/bin/sh', '-c', `${only} || exit 0; echo ${name} >> /shared/notes; sleep 1000`],
    });
    rig.stack({
      web: service({
        restart: 'always',
        post_start: [hanging('post-start', 'test -e /shared/hang')],
        pre_stop: [hanging('pre-stop')],
        'x-tscompose': { post_stop: [hanging('post-stop')] },
      }),
    });
    await rig.up();
    const down = await rig.ok(['down', '-t', '0'], { timeoutMs: 30_000 });
    for (const when of ['pre-stop', 'post-stop']) {
      expect(down.stderr).toMatch(new RegExp(`cannot finish the ${when} hook of \\S+-web-1: it was ended after 1 s`));
    }
    expect(notes(rig)).toEqual(['pre-stop', 'post-stop']);

    // It hangs in the supervisor's hands, which may bring it back before `down` has the project, and hang again.
    await rig.up();
    rig.write('shared/hang', '');
    rig.write('shared/crash', '');
    await eventually(() => expect(notes(rig)).toHaveLength(3));
    await rig.ok(['down', '-t', '0'], { timeoutMs: 30_000 });
    expect(await rig.ps()).toEqual([]);
  });

  scenario('that begins while a down -t 0 waits for the project is ended as well', [], async (rig) => {
    rig.write('shared/.keep', '');
    const deaf = { command: ['/bin/sh', '-c', 'trap "" TERM; while sleep 0.1; do :; done'], stop_grace_period: '10m' };
    rig.stack({ web: service({ ...deaf, 'x-tscompose': { post_stop: [blocked] } }) });
    await rig.up();
    const stop = ended(rig.start(['stop']));
    await eventually(async () => expect(await rig.row('web')).toMatchObject({ stoppedByUser: true }));
    await rig.ok(['down', '-t', '0'], { timeoutMs: 30_000 });
    expect((await stop).code).toBe(0);
    expect(notes(rig)).toEqual(['began']);
  });

  scenario('runs after a kill as well', [], async (rig) => {
    rig.write('shared/.keep', '');
    rig.stack({ web: service({ 'x-tscompose': { post_stop: [note('$$EXIT_CODE $$EXIT_STATUS')] } }) });
    await rig.up();
    await rig.ok(['kill']);
    expect(notes(rig)).toEqual(['killed KILL']);
    expect(await rig.row('web')).toMatchObject({ status: { kind: 'exited', exitCode: 137 }, stoppedByUser: true });
  });

  scenario('runs once after a kill that somebody else keeps from the project, whoever that is', [], async (rig) => {
    rig.write('shared/.keep', '');
    const deaf = { command: ['/bin/sh', '-c', 'trap "" TERM; while sleep 0.1; do :; done'], stop_grace_period: '10m' };
    const hooks = { 'x-tscompose': { post_stop: [note('$$EXIT_CODE $$EXIT_STATUS'), note('second')] } };
    rig.stack({ web: service({ ...deaf, ...hooks }), other: service(deaf) });
    for (const stopped of ['other', 'web']) {
      await rig.up();
      const before = notes(rig).length;
      const stop = ended(rig.start(['stop', stopped]));
      await eventually(async () => expect(await rig.row(stopped)).toMatchObject({ stoppedByUser: true }));
      const kill = ended(rig.start(['kill', 'web']));
      await eventually(async () => expect((await rig.row('web')).status).toMatchObject({ signal: 'SIGKILL' }));
      await rig.ok(['stop', '-t', '0', stopped]);
      expect([(await stop).code, (await kill).code]).toEqual([0, 0]);
      expect(notes(rig).slice(before)).toEqual(['killed KILL', 'second']);
      expect(await rig.row('web')).toMatchObject({ stoppedByUser: true });
    }
    await rig.ok(['kill', 'other']);
  });

  scenario('is run though the stop, or the kill, that was to run it was killed or interrupted', [], async (rig) => {
    rig.write('shared/.keep', '');
    const deaf = { command: ['/bin/sh', '-c', 'trap "" TERM; while sleep 0.1; do :; done'], stop_grace_period: '20s' };
    rig.stack({
      web: service({ ...deaf, 'x-tscompose': { post_stop: [note('$$EXIT_CODE $$EXIT_STATUS'), note('second')] } }),
      other: service(deaf),
    });
    const cut: readonly ((signal: NodeJS.Signals) => Promise<void>)[] = [
      async (signal) => {
        const stop = rig.start(['stop', '-t', '1', 'web']);
        await eventually(async () => expect(await rig.row('web')).toMatchObject({ stoppedByUser: true }));
        stop.kill(signal);
        await ended(stop);
      },
      async (signal) => {
        const stop = ended(rig.start(['stop', 'other']));
        await eventually(async () => expect(await rig.row('other')).toMatchObject({ stoppedByUser: true }));
        const kill = rig.start(['kill', 'web']);
        await eventually(async () => expect((await rig.row('web')).status).toMatchObject({ signal: 'SIGKILL' }));
        kill.kill(signal);
        await ended(kill);
        await rig.ok(['stop', '-t', '0', 'other']);
        await stop;
      },
    ];
    for (const signal of ['SIGKILL', 'SIGINT'] as const) {
      for (const end of cut) {
        await rig.up();
        const before = notes(rig).length;
        await end(signal);
        await eventually(() => expect(notes(rig).slice(before)).toEqual(['killed KILL', 'second']));
        await eventually(() => expect(supervisorsOf(rig.project)).toEqual([]));
        expect(notes(rig)).toHaveLength(before + 2);
      }
    }
    expect((await rig.ok(['why', 'web'])).stdout).toContain('post-stop hook by supervise');
  });

  scenario(
    'that was interrupted is not run again by the supervisor, which goes on with the next one',
    [],
    async (rig) => {
      rig.write('shared/.keep', '');
      rig.stack({ web: service({ 'x-tscompose': { post_stop: [blocked, note('second')] } }) });
      await rig.up();
      const stop = rig.start(['stop']);
      const over = ended(stop);
      await eventually(() => expect(notes(rig)).toEqual(['began']));
      stop.kill('SIGINT');
      expect((await over).code).toBe(130);
      await eventually(() => expect(notes(rig)).toEqual(['began', 'second']));
      await eventually(() => expect(supervisorsOf(rig.project)).toEqual([]));
      expect(notes(rig)).toEqual(['began', 'second']);
    },
  );

  scenario('of a stop is not run again when another container brings a supervisor', [], async (rig) => {
    rig.write('shared/.keep', '');
    rig.stack({
      web: service({ 'x-tscompose': { post_stop: [note('post-stop')] } }),
      other: { ...service({ restart: 'always' }), volumes: ['./other:/shared'] },
    });
    rig.write('other/.keep', '');
    await rig.up();
    await rig.ok(['stop', 'web']);
    await eventually(() => expect(supervisorsOf(rig.project)).toEqual([]));
    rig.write('other/crash', '');
    await eventually(async () => expect(await rig.row('other')).toMatchObject({ restarts: 1 }));
    await eventually(() => expect(supervisorsOf(rig.project)).toEqual([]), { withinMs: 20_000 });
    expect(notes(rig)).toEqual(['post-stop']);
  });

  scenario(
    'comes before the start, or the removal, by a command that is faster than the supervisor',
    [],
    async (rig) => {
      rig.write('shared/.keep', '');
      rig.stack({
        web: service({ post_start: [note('post-start')], 'x-tscompose': { post_stop: [note('post-stop')] } }),
      });
      await rig.up();
      const letGo = await holdLock(supervisorLock(rig.project));
      try {
        const end = async (): Promise<void> => {
          rig.write('shared/crash', '');
          await eventually(async () => expect((await rig.row('web')).status).toMatchObject({ exitCode: 9 }));
        };
        await end();
        expect((await rig.ok(['plan'])).stdout).toContain('run post-stop hook of');
        await rig.ok(['up', '-d']);
        expect(notes(rig)).toEqual(['post-start', 'post-stop', 'post-start']);
        await end();
        await rig.ok(['down']);
        expect(notes(rig)).toEqual(['post-start', 'post-stop', 'post-start', 'post-stop']);
      } finally {
        await letGo();
      }
    },
  );

  scenario('is not run again by a supervisor that has seen a stop, a restart and a slow down', [], async (rig) => {
    rig.write('shared/.keep', '');
    const deaf = { command: ['/bin/sh', '-c', 'trap "" TERM; while sleep 0.1; do :; done'] };
    const healthcheck = { test: ['CMD', '/bin/sh', '-c', 'true'], interval: '100ms' };
    rig.stack({
      db: service({ ...deaf, stop_grace_period: '4s', healthcheck }),
      web: service({ depends_on: ['db'], healthcheck, 'x-tscompose': { post_stop: [note('post-stop')] } }),
    });
    await rig.up();
    await rig.ok(['stop', 'web']);
    await rig.ok(['start', 'web']);
    await rig.ok(['restart', '-t', '0', 'web']);
    await rig.ok(['stop']);
    await eventually(() => expect(supervisorsOf(rig.project)).toEqual([]));
    expect(notes(rig)).toEqual(['post-stop', 'post-stop', 'post-stop']);
    await rig.up();
    await rig.ok(['down']);
    expect(notes(rig)).toHaveLength(4);
    await eventually(() => expect(supervisorsOf(rig.project)).toEqual([]));
    expect(notes(rig)).toHaveLength(4);
  });

  scenario('comes before the next life, and keeps neither that nor down from coming when it fails', [], async (rig) => {
    rig.write('shared/.keep', '');
    const failing = { command: ['/bin/sh', '-c', 'sleep 0.3; echo post-stop >> /shared/notes; exit 4'] };
    rig.stack({
      web: service({
        deploy: { restart_policy: { condition: 'any', delay: '0s' } },
        post_start: [note('post-start')],
        'x-tscompose': { post_stop: [failing] },
      }),
    });
    await rig.up();
    rig.write('shared/crash', '');
    await eventually(() => expect(notes(rig)).toEqual(['post-start', 'post-stop', 'post-start']));
    const why = (await rig.ok(['why', 'web'])).stdout;
    expect(why).toContain('post-stop hook by supervise');
    expect(why).toContain('ended with code 4');
    const events = await rig.ok(['events', '--json', '--since', '1h', '--until', '0s']);
    expect(events.stdout).toContain('"action":"hook_failed"');
    const down = await rig.ok(['down']);
    expect(down.stderr).toContain('ended with code 4');
    expect(await rig.ps()).toEqual([]);
  });
});
