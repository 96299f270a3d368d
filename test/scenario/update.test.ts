import { readlinkSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { holdLock, supervisorLock } from '../support/held-lock.ts';
import { ended, type Rig, scenario } from '../support/scenario.ts';

type Update = { readonly [key: string]: unknown };

function stack(rig: Rig, version: string, update: Update, { replicas = 2 } = {}): void {
  const web = rig.puppet('web', {
    environment: { VERSION: version },
    deploy: { replicas, update_config: update },
  });
  rig.stack({ web });
}

const rows = async (rig: Rig) =>
  (await rig.ps()).map((row) => ({ name: row.name.slice(rig.project.length + 1), pid: row.status.pid }));

/** Two containers of the first version run, and the file has the second one by now; what runs. */
async function ranThenChanged(rig: Rig, update: Update) {
  stack(rig, '1', update);
  await rig.up();
  await rig.next('web');
  await rig.next('web');
  const before = await rows(rig);
  stack(rig, '2', update);
  return before;
}

/** Whether it ended before it had been seen running or after is not to be seen. */
const endedWith3 = /cannot go on without \S+-web-1: it ended with code 3\n/;

/** What became of which container, in the order of the progress. */
const orderOf = (progress: string): string[] =>
  [...progress.matchAll(/web-(\d) +(stopped|started|updated)/g)].map(([, number, word]) => `${word}${number}`);

describe('an update with deploy.update_config', () => {
  scenario('replaces one container after the other, stop-first', [], async (rig) => {
    const update = { parallelism: 1, monitor: '200ms' };
    stack(rig, '1', update);
    await rig.up();
    stack(rig, '2', update);
    const { stderr } = await rig.up();
    const order = orderOf(stderr);
    expect(order).toEqual(['stopped1', 'started1', 'updated1', 'stopped2', 'started2', 'updated2']);
    expect((await rig.ok(['plan'])).stdout).toBe('nothing to do\n');
  });

  scenario('puts the new one beside the old one, start-first', [], async (rig) => {
    const update = { order: 'start-first', monitor: '200ms' };
    stack(rig, '1', update, { replicas: 1 });
    await rig.up();
    const old = await rig.next('web');
    stack(rig, '2', update, { replicas: 1 });
    const { stderr } = await rig.up();
    const order = orderOf(stderr);
    expect(order).toEqual(['started2', 'updated2', 'stopped1']);
    await old.gone;
    expect((await rows(rig)).map(({ name }) => name)).toEqual(['web-2']);
    expect((await rig.ok(['plan'])).stdout).toBe('nothing to do\n');
  });

  scenario('stops at the first that does not prove itself, and leaves the rest as they were', [], async (rig) => {
    const update = { monitor: '30s' };
    const before = await ranThenChanged(rig, update);
    const up = ended(rig.start(['up', '-d']));
    (await rig.next('web')).tell('exit 3');
    const { code, stderr } = await up;
    expect(code, stderr).toBe(1);
    expect(stderr).toMatch(endedWith3);
    const after = await rows(rig);
    expect(after.find(({ name }) => name === 'web-2')).toEqual(before.find(({ name }) => name === 'web-2'));
  });

  scenario('that becomes unhealthy is told with its place and its last probe, whatever its name', [], async (rig) => {
    const write = (version: string) =>
      rig.stack({
        web: {
          rootfs: { host: ['/bin/sh', '/bin/sleep'] },
          command: ['/bin/sleep', '1000'],
          network_mode: 'none',
          environment: { VERSION: version },
          healthcheck: { test: ['CMD-SHELL', 'echo looked; test "$$VERSION" = 1'], interval: '100ms', retries: 1 },
          deploy: { update_config: { order: 'start-first' } },
        },
      });
    write('1');
    await rig.up();
    write('2');
    const { code, stderr } = await rig.cli(['up', '-d']);
    expect(code, stderr).toBe(5);
    expect(stderr).toMatch(/cannot go on without \S+-web-2: it is unhealthy\n +--> stack\.yml:/);
    expect(stderr).toMatch(/last probe of \S+-web-2: code 1\n +looked/);
  });

  scenario('goes back to what ran before when asked to', [], async (rig) => {
    const update = { monitor: '30s', failure_action: 'rollback' };
    const before = await ranThenChanged(rig, update);
    const up = ended(rig.start(['up', '-d']));
    (await rig.next('web')).tell('exit 3');
    const { code, stderr } = await up;
    expect(code, stderr).toBe(1);
    expect(stderr).toContain('the update of web did not succeed: going back to what ran before');
    await rig.next('web');
    const after = await rows(rig);
    expect(after.map(({ pid }) => typeof pid)).toEqual(['number', 'number']);
    expect(after[1]).toEqual(before[1]);
    stack(rig, '1', update);
    expect((await rig.ok(['plan'])).stdout).toBe('nothing to do\n');
  });

  scenario('goes back with those that need what is updated', [], async (rig) => {
    const stackOf = (version: string): void => {
      const deploy = { update_config: { monitor: '30s', failure_action: 'rollback' } };
      rig.stack({
        web: rig.puppet('web', { environment: { VERSION: version }, deploy }),
        restarts: rig.puppet('restarts', { depends_on: { web: { condition: 'service_started', restart: true } } }),
        shares: rig.puppet('shares', { network_mode: 'service:web' }),
      });
    };
    stackOf('1');
    await rig.up();
    for (const name of ['web', 'restarts', 'shares']) await rig.next(name);
    stackOf('2');
    const up = ended(rig.start(['up', '-d']));
    const web = await rig.next('web');
    for (const name of ['restarts', 'shares']) await rig.next(name);
    web.tell('exit 3');
    const { code, stderr } = await up;
    expect(code, stderr).toBe(1);
    for (const name of ['web', 'restarts', 'shares']) await rig.next(name);
    const [restarts, shares, now] = ['restarts', 'shares', 'web'].map((name) => `${rig.project}-${name}-1`);
    expect(stderr).toMatch(new RegExp(`^running: ${restarts}, ${shares}, ${now}$`, 'm'));
    expect(stderr).not.toContain('not running');
    const netns = async (name: string) => readlinkSync(`/proc/${(await running(rig, name)).pid}/ns/net`);
    expect(await netns('shares')).toBe(await netns('web'));
  });

  scenario('is taken back as deploy.rollback_config says', [], async (rig) => {
    const versions = (version: string): void => {
      const deploy = {
        replicas: 3,
        update_config: { parallelism: 2, monitor: '30s', failure_action: 'rollback' },
        rollback_config: { parallelism: 1, monitor: '100ms' },
      };
      rig.stack({ web: rig.puppet('web', { environment: { VERSION: version }, deploy }) });
    };
    versions('1');
    await rig.up();
    for (let each = 0; each < 3; each++) await rig.next('web');
    versions('2');
    const up = ended(rig.start(['up', '-d', '--progress', 'plain']));
    await rig.next('web');
    (await rig.next('web')).tell('exit 3');
    const { code, stderr } = await up;
    expect(code, stderr).toBe(1);
    const back = stderr.slice(stderr.indexOf('going back to what ran before'));
    // Without it nothing would be watched on the way back.
    expect(orderOf(back).some((word) => word.startsWith('updated'))).toBe(true);
    versions('1');
    expect((await rig.ok(['plan'])).stdout).toBe('nothing to do\n');
  });

  scenario('goes on in spite of a failure when asked to', [], async (rig) => {
    const update = { monitor: '5s', failure_action: 'continue' };
    await ranThenChanged(rig, update);
    const up = ended(rig.start(['up', '-d', '--progress', 'plain']));
    (await rig.next('web')).tell('exit 3');
    await rig.next('web');
    const { code, stderr } = await up;
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/warning: cannot go on/);
    expect(stderr).toMatch(endedWith3);
  });

  scenario('that was killed half-way is taken back by an up of the file of before', [], async (rig) => {
    const update = { monitor: '30s', failure_action: 'rollback' };
    const before = await ranThenChanged(rig, update);
    const up = rig.start(['up', '-d']);
    const run = ended(up);
    await rig.next('web');
    up.kill('SIGKILL');
    await run;
    stack(rig, '1', { ...update, monitor: '100ms' });
    await rig.up();
    expect((await rig.ok(['plan'])).stdout).toBe('nothing to do\n');
    // The second was not touched by either.
    expect((await rows(rig)).map(({ name }) => name)).toEqual(['web-1', 'web-2']);
    expect((await rows(rig))[1]).toEqual(before[1]);
  });

  for (const order of ['stop-first', 'start-first'] as const) {
    scenario(`that was killed half-way is finished by an up without a supervisor, ${order}`, [], async (rig) => {
      await ranThenChanged(rig, { order, monitor: '30s' });
      const letGo = await holdLock(supervisorLock(rig.project));
      try {
        const up = rig.start(['up', '-d']);
        const run = ended(up);
        await rig.next('web');
        up.kill('SIGKILL');
        await run;
        stack(rig, '2', { order, monitor: '100ms' });
        await rig.up();
        expect((await rig.ok(['plan'])).stdout).toBe('nothing to do\n');
        expect((await rows(rig)).map(({ pid }) => typeof pid)).toEqual(['number', 'number']);
      } finally {
        await letGo();
      }
    });
  }

  scenario('that was killed half-way is finished by the next one', [], async (rig) => {
    const update = { order: 'start-first', monitor: '30s' };
    stack(rig, '1', update);
    await rig.up();
    stack(rig, '2', update);
    const up = rig.start(['up', '-d']);
    const run = ended(up);
    await eventually(async () => expect((await rows(rig)).map(({ name }) => name)).toContain('web-3'));
    up.kill('SIGKILL');
    await run;
    stack(rig, '2', { order: 'start-first', monitor: '100ms' });
    await rig.up();
    expect((await rig.ok(['plan'])).stdout).toBe('nothing to do\n');
    expect((await rows(rig)).length).toBe(2);
  });
});
