import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { over, running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { processesOf } from '../support/leaks.ts';
import { ended, type Rig, type Run, scenario } from '../support/scenario.ts';

// Graces of ten minutes: a command that waited for one would run into the time limit of its test.
const slow = (rig: Rig, name: string, more = {}) => rig.puppet(name, { stop_grace_period: '10m', ...more });

/** A `stop` that is in its grace, and stays there. */
async function stopping(rig: Rig): Promise<{ readonly stop: ChildProcess; readonly end: Promise<Run> }> {
  await rig.up();
  const web = await rig.next('web');
  await web.do('ignore 15');
  const stop = rig.start(['stop']);
  const end = ended(stop);
  await eventually(async () => expect(await rig.row('web')).toMatchObject({ stoppedByUser: true }));
  return { stop, end };
}

describe('while a stop waits for its grace', () => {
  scenario('a second one with -t 0 ends it at once, and says for whom it waited', [], async (rig) => {
    rig.stack({ web: slow(rig, 'web') });
    const { stop, end } = await stopping(rig);
    const second = await rig.ok(['stop', '-t', '0']);
    expect(second.stderr).toContain(`waiting for \`tscompose stop\` (pid ${stop.pid}) to finish`);
    expect((await end).code).toBe(0);
    expect((await over(rig, 'web')).status).toMatchObject({ exitCode: 137, signal: 'SIGKILL' });
  });

  scenario('a second one that is killed while it waits leaves no process behind', [], async (rig) => {
    rig.stack({ web: slow(rig, 'web') });
    const { end } = await stopping(rig);
    const launchers = () =>
      processesOf(rig.project).filter(({ pid }) => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'tsc:launch\n');
    const second = rig.start(['stop']);
    await eventually(() => expect(launchers()).toHaveLength(2));
    second.kill('SIGKILL');
    await eventually(() => expect(launchers()).toHaveLength(1));
    await rig.ok(['kill']);
    expect((await end).code).toBe(0);
  });

  scenario('stop -t 0 hurries what is stopped after it, too', [], async (rig) => {
    rig.stack({ db: slow(rig, 'db'), web: slow(rig, 'web', { depends_on: ['db'] }) });
    await rig.hold();
    const up = rig.cli(['up', '-d']);
    const db = await rig.next('db');
    await db.do('ignore 15');
    await (await rig.next('web')).do('ignore 15');
    expect((await up).code).toBe(0);
    const first = ended(rig.start(['stop']));
    await eventually(async () => expect(await rig.row('web')).toMatchObject({ stoppedByUser: true }));
    await rig.ok(['stop', '-t', '0']);
    expect((await first).code).toBe(0);
    for (const service of ['db', 'web']) expect((await over(rig, service)).status).toMatchObject({ exitCode: 137 });
  });

  scenario('down -t 0 ends it at once and takes everything down', [], async (rig) => {
    rig.stack({ web: slow(rig, 'web') });
    const { end } = await stopping(rig);
    await rig.ok(['down', '-t', '0']);
    await end;
    expect(await rig.ps()).toEqual([]);
  });

  scenario('kill ends it at once', [], async (rig) => {
    rig.stack({ web: slow(rig, 'web') });
    const { end } = await stopping(rig);
    await rig.ok(['kill']);
    expect((await end).code).toBe(0);
    expect((await over(rig, 'web')).status).toMatchObject({ exitCode: 137, signal: 'SIGKILL' });
  });

  scenario('any other signal arrives, and kill waits for nobody', [], async (rig) => {
    rig.stack({ web: slow(rig, 'web') });
    const { stop, end } = await stopping(rig);
    await rig.ok(['kill', '-s', 'USR1']);
    expect((await over(rig, 'web')).status).toMatchObject({ signal: 'SIGUSR1' });
    expect(stop.exitCode ?? (await end).code).toBe(0);
  });

  scenario('another service is killed, and no restart policy brings it back', [], async (rig) => {
    rig.stack({ web: slow(rig, 'web'), other: rig.puppet('other', { restart: 'always' }) });
    await rig.hold();
    const up = rig.cli(['up', '-d']);
    const web = await rig.next('web');
    await rig.next('other');
    expect((await up).code).toBe(0);
    await web.do('ignore 15');
    const first = ended(rig.start(['stop', 'web']));
    await eventually(async () => expect(await rig.row('web')).toMatchObject({ stoppedByUser: true }));
    const kill = ended(rig.start(['kill', 'other']));
    await eventually(async () => expect((await rig.row('other')).status).toMatchObject({ signal: 'SIGKILL' }));
    expect((await running(rig, 'web')).pid).toBeGreaterThan(0);
    await rig.ok(['stop', '-t', '0', 'web']);
    expect((await first).code).toBe(0);
    expect((await kill).code).toBe(0);
    expect(await rig.row('other')).toMatchObject({ stoppedByUser: true, status: { kind: 'exited' } });
  });
});
