import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { holdLock } from '../support/held-lock.ts';
import { killed, processesOf, supervisorsOf } from '../support/leaks.ts';
import { type Rig, scenario } from '../support/scenario.ts';

const launchersOf = (rig: Rig): number[] =>
  processesOf(rig.project)
    .filter(({ command }) => command === 'tsc:launch')
    .map(({ pid }) => pid);

/** The supervisor's, when no command runs. */
const launcherOf = (rig: Rig): Promise<number> =>
  eventually(() => {
    const [pid, ...others] = launchersOf(rig);
    expect(pid).toBeDefined();
    expect(others).toEqual([]);
    return pid as number;
  });

/** A container that has been restarted once, by a supervisor that is awake and has a launcher. */
async function restarted(rig: Rig) {
  rig.stack({ web: rig.puppet('web', { deploy: { restart_policy: { condition: 'any', delay: '0s' } } }) });
  await rig.up();
  (await rig.next('web')).tell('exit 1');
  const web = await rig.next('web');
  return { web, launcher: await launcherOf(rig) };
}

const openFiles = (pid: number): string[] =>
  readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));

const history = (rig: Rig): string => readFileSync(`/var/lib/tscompose/projects/${rig.project}/events`, 'utf8');

describe('the launcher of a supervisor', () => {
  scenario('serves one restart after the other, without a lock in between, and goes with it', [], async (rig) => {
    const { web: second, launcher } = await restarted(rig);
    second.tell('exit 1');
    await rig.next('web');
    expect(await launcherOf(rig)).toBe(launcher);
    // With the lock still taken this would wait for ever.
    await rig.ok(['stop', '-t', '0']);
    await eventually(() => expect(supervisorsOf(rig.project)).toEqual([]));
    await eventually(() => expect(launchersOf(rig)).toEqual([]));
  });

  scenario('is replaced when it was killed, which refuses no restart', [], async (rig) => {
    const { web: second, launcher } = await restarted(rig);
    killed(launcher);
    second.tell('exit 1');
    const third = await rig.next('web');
    const next = await launcherOf(rig);
    expect(next).not.toBe(launcher);
    third.tell('exit 1');
    await rig.next('web');
    expect(await launcherOf(rig)).toBe(next);
    expect(history(rig)).not.toContain('restart-refused');
  });

  scenario('is replaced when it was killed before it was ever needed', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { deploy: { restart_policy: { condition: 'any', delay: '2s' } } }) });
    await rig.up();
    (await rig.next('web')).tell('exit 1');
    killed(await launcherOf(rig));
    await rig.next('web');
    expect(history(rig)).not.toContain('restart-refused');
  });

  scenario('waits like any command for whoever has the project', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { deploy: { restart_policy: { condition: 'any', delay: '0s' } } }) });
    await rig.up();
    const web = await rig.next('web');
    const lock = `/run/tscompose/${rig.project}.lock`;
    const letGo = await holdLock(lock);
    let launcher = 0;
    try {
      web.tell('exit 1');
      launcher = await launcherOf(rig);
      await eventually(() => expect(openFiles(launcher)).toContain(lock));
      expect((await rig.ps())[0]?.status.kind).toBe('exited');
    } finally {
      await letGo();
    }
    await rig.next('web');
    expect(await launcherOf(rig)).toBe(launcher);
  });

  scenario('ends when the supervisor is killed', [], async (rig) => {
    const { web: second, launcher } = await restarted(rig);
    for (const pid of supervisorsOf(rig.project)) killed(pid);
    await eventually(() => expect(launchersOf(rig)).not.toContain(launcher));
    second.tell('exit 1');
    await rig.next('web');
  });
});
