import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { over, running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { killed, killOurs, processesOf, supervisorsOf, tracesOf } from '../support/leaks.ts';
import { type Rig, scenario } from '../support/scenario.ts';
import { onSmallDisk } from '../support/small-disk.ts';
import { root } from '../support/tree.ts';

const traces = (rig: Rig) => Object.values(tracesOf([rig.project])).flat();

/** A shell script in mount and pid namespaces of its own; `tsc` is the command line, bound to the rig's project. */
function apart(rig: Rig, script: string): string {
  const cli = `tsc() { ${process.execPath} ${root}/dist/tscompose.cjs -p ${rig.project} -f ${rig.path('stack.yml')} "$@"; }`;
  const run = spawnSync('unshare', ['--mount', '--pid', '--fork', '--mount-proc', 'sh', '-c', `${cli}\n${script}`], {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', NODE_OPTIONS: '', NODE_EXTRA_CA_CERTS: '' },
    timeout: 40_000,
  });
  expect(run.status, `${run.stdout}\n${run.stderr}`).toBe(0);
  return run.stdout;
}

describe('a full disk under our state', () => {
  scenario('fails an up with its reason, and the next one completes it', [], async (rig) => {
    rig.stack({ a: rig.puppet('a'), b: rig.puppet('b') });
    await rig.hold();
    await onSmallDisk(rig, 'size=4m', async ({ fill }) => {
      const free = fill();
      const up = await rig.cli(['up', '-d']);
      expect(up.code, up.stderr).toBe(1);
      expect(up.stderr).toMatch(/no space left/);
      expect(up.stderr).not.toContain('Please report');
      free();
      await rig.ok(['up', '-d']);
      await rig.next('a');
      await rig.next('b');
    });
  });

  scenario('loses no end of a container, and keeps down from nothing', [], async (rig) => {
    rig.stack({ web: rig.puppet('web'), other: rig.puppet('other') });
    await rig.hold();
    await onSmallDisk(rig, 'size=4m', async ({ fill }) => {
      await rig.ok(['up', '-d']);
      const web = await rig.next('web');
      fill();
      await web.print('a line for a full disk\n');
      web.tell('exit 9');
      expect((await over(rig, 'web')).status).toMatchObject({ kind: 'exited', exitCode: 9 });
      await rig.ok(['down']);
      await eventually(() => expect(processesOf(rig.project)).toEqual([]));
    });
  });
});

describe('a number of a process that has become that of a stranger', () => {
  scenario('gets no signal, and is shown as an end', ['pid recycling'], async (rig) => {
    rig.stack({ web: { rootfs: { host: ['sleep'] }, command: ['sleep', '1000'], network_mode: 'none', init: false } });
    const said = apart(
      rig,
      `
      tsc up -d 2>/dev/null || exit 1
      pid=$(tsc ps --json | sed -n 's/.*"pid":\\([0-9]*\\).*/\\1/p')
      for proc in /proc/[0-9]*; do
        case $(cat $proc/comm 2>/dev/null) in tsc-*) kill -9 \${proc#/proc/} ;; esac
      done
      kill -9 $pid
      while [ -e /proc/$pid ]; do sleep 0.01; done
      stranger=
      for try in 1 2 3 4 5 6 7 8 9 10; do
        echo $((pid - 1)) > /proc/sys/kernel/ns_last_pid
        sleep 1000 & stranger=$!
        [ $stranger = $pid ] && break
      done
      echo "same $((stranger == pid))"
      tsc ps -a
      tsc stop 2>/dev/null
      tsc down 2>/dev/null
      kill -0 $stranger && echo 'stranger lives'
      kill -9 $stranger
      `,
    );
    expect(said).toContain('same 1');
    expect(said).toMatch(/web-1 .*Exited/);
    expect(said).toContain('stranger lives');
    await eventually(() => expect(traces(rig)).toEqual([]));
  });
});

describe('a full disk under a supervisor', () => {
  scenario('keeps no container from being restarted, and the supervisor from nothing', [], async (rig) => {
    const healthcheck = { test: ['CMD', '/bin/puppet'], interval: '200ms', retries: 100 };
    rig.stack({ web: rig.puppet('web', { restart: 'always', healthcheck }) });
    await rig.hold();
    await onSmallDisk(rig, 'size=8m', async ({ fill }) => {
      await rig.ok(['up', '-d']);
      const first = await rig.next('web');
      await eventually(() => expect(supervisorsOf(rig.project)).toHaveLength(1));
      const [supervisor] = supervisorsOf(rig.project);
      const free = fill();
      first.tell('exit 1');
      const second = await rig.next('web');
      free();
      second.tell('exit 1');
      await rig.next('web');
      expect(supervisorsOf(rig.project)).toEqual([supervisor]);
    });
  });
});

describe('after a reboot', () => {
  /** As the power goes: nothing ends in order. Then `/run` is a new one, or, on odd systems, is not. */
  const poweredOff = async (rig: Rig, { run }: { readonly run: 'empty' | 'left' }) => {
    const { pid } = await running(rig, 'web');
    killOurs(rig.project);
    killed(pid);
    await eventually(() => expect(processesOf(rig.project)).toEqual([]));
    if (run === 'left') return;
    rmSync(`/run/tscompose/${rig.project}`, { recursive: true });
    for (const name of ['.lock', '.keeper.lock', '.keeper.sock'])
      rmSync(`/run/tscompose/${rig.project}${name}`, { force: true });
  };

  const sleeper = { rootfs: { host: ['sleep', 'sh'] }, command: ['sleep', '1000'], network_mode: 'none' };

  scenario('ps says what ended before it and what ended by it, and up starts everything', ['unshare'], async (rig) => {
    rig.stack({
      web: sleeper,
      job: { ...sleeper, command: ['sh', '-c', 'exit 3'] },
      never: sleeper,
    });
    await rig.ok(['create', 'never']);
    await rig.ok(['up', '-d', 'web', 'job']);
    await over(rig, 'job');
    await poweredOff(rig, { run: 'empty' });
    rig.write('boot_id', '01234567-89ab-cdef-0123-456789abcdef\n');
    const said = apart(
      rig,
      `
      mount --bind ${rig.path('boot_id')} /proc/sys/kernel/random/boot_id
      tsc ps -a
      tsc why web
      tsc up -d web never 2>/dev/null && echo after && tsc ps
      tsc down && echo 'down is done'
      `,
    );
    expect(said).toMatch(/-job-1 .*Exited \(3\) .* ago/);
    expect(said).toMatch(/-never-1 .*Created/);
    expect(said).toMatch(/-web-1 .*Exited \(ended by reboot\)/);
    expect(said).toMatch(/-web-1 was ended by a reboot/);
    expect(said).toMatch(/after\n.*\n.*-never-1 .*Up.*\n.*-web-1 .*Up/);
    expect(said).toContain('down is done');
    await eventually(() => expect(traces(rig)).toEqual([]));
  });

  scenario('what is left of another life is cleared away, and up starts everything anew', ['unshare'], async (rig) => {
    rig.stack({ web: sleeper });
    await rig.ok(['up', '-d']);
    await poweredOff(rig, { run: 'left' });
    rig.write('boot_id', '01234567-89ab-cdef-0123-456789abcdef\n');
    const said = apart(
      rig,
      `
      mount --bind ${rig.path('boot_id')} /proc/sys/kernel/random/boot_id
      echo before; tsc ps -a
      tsc up -d 2>/dev/null && echo after && tsc ps
      tsc down && echo 'down is done'
      `,
    );
    expect(said).toMatch(/before\n.*\n.*web-1 .*Exited/);
    expect(said).toMatch(/after\n.*\n.*web-1 .*Up/);
    expect(said).toContain('down is done');
    await eventually(() => expect(traces(rig)).toEqual([]));
  });

  scenario('a state directory that is gone costs nothing but a start', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    await rig.next('web');
    await poweredOff(rig, { run: 'empty' });
    expect((await rig.row('web')).status).toMatchObject({ kind: 'exited', exitCode: null });
    await rig.ok(['up', '-d']);
    await rig.next('web');
    await running(rig, 'web');
  });
});
