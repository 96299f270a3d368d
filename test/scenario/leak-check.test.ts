import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, vi } from 'vitest';
import { cgroupDirectory } from '../support/checks.ts';
import { beside, end } from '../support/child.ts';
import { eventually } from '../support/eventually.ts';
import { added, processesOf, tracesOf, uplinkOf } from '../support/leaks.ts';
import { oursOnHost, shell } from '../support/private-host.ts';
import { inRig, type Rig, type Run, scenario } from '../support/scenario.ts';

// The check that everything else relies on must itself be able to fail.

describe('the leak check', () => {
  scenario('finds a process by its directory, and forgets it when it has ended', [], async (rig) => {
    const directory = rig.path(rig.project);
    mkdirSync(directory);
    const child = beside(spawn('sleep', ['60'], { cwd: directory }));
    await eventually(() => expect(processesOf(rig.project).map((p) => p.pid)).toEqual([child.pid]));
    expect(tracesOf([rig.project])['processes']).toEqual([expect.stringContaining('sleep')]);
    await end(child);
    expect(processesOf(rig.project)).toEqual([]);
  });

  scenario('finds cgroups, mounts, sockets and state', [], async (rig) => {
    const cgroup = join(cgroupDirectory(process.pid, ''), rig.project);
    const mounted = rig.path(`${rig.project}-mount`);
    const state = join('/run/tscompose', rig.project);
    const server = createServer();
    try {
      mkdirSync(cgroup);
      mkdirSync(mounted);
      mkdirSync(state, { recursive: true });
      expect(spawnSync('mount', ['-t', 'tmpfs', 'none', mounted]).status).toBe(0);
      await new Promise<void>((resolve) => server.listen(rig.path(`${rig.project}.sock`), resolve));
      const traces = tracesOf([rig.project]);
      expect(traces['cgroups']).toEqual([cgroup]);
      expect(traces['mounts']).toEqual([expect.stringContaining(mounted)]);
      expect(traces['sockets']).toEqual([expect.stringContaining(`${rig.project}.sock`)]);
      expect(traces['state']).toEqual([state]);
    } finally {
      spawnSync('umount', [mounted]);
      if (existsSync(cgroup)) rmdirSync(cgroup);
      rmSync(state, { recursive: true, force: true });
      await new Promise((resolve) => server.close(resolve));
    }
    expect(Object.values(tracesOf([rig.project])).flat()).toEqual([]);
  });

  scenario('finds the way out of a project: its interface and its table of rules', ['socat', 'nft'], async (rig) => {
    const uplink = uplinkOf(rig.project);
    try {
      shell(`ip link add ${uplink} type veth peer name ${uplink}p; nft add table inet tscompose-${rig.project}`);
      const traces = tracesOf([rig.project]);
      expect(traces['interfaces']).toContainEqual(expect.stringContaining(uplink));
      expect(traces['packet filter']).toEqual([expect.stringContaining(rig.project)]);
      expect(oursOnHost()).toContainEqual(expect.stringContaining(uplink));
    } finally {
      shell(`ip link del ${uplink}; nft delete table inet tscompose-${rig.project}`);
    }
    expect(Object.values(tracesOf([rig.project])).flat()).toEqual([]);
  });

  scenario('names what is new, and counts what is there twice', [], async () => {
    const before = { mounts: ['/', '/tmp'], cgroups: ['a'] };
    expect(added(before, { mounts: ['/', '/tmp', '/tmp'], cgroups: [] })).toEqual(['mounts: /tmp']);
  });
});

describe('a test that does not succeed', () => {
  /** A test in this one, and what it found and left. */
  async function inner(body: (rig: Rig) => Promise<void>, limitMs = 60_000) {
    vi.stubEnv('KEEP_FAILED', '');
    onTestFinished(() => void vi.unstubAllEnvs());
    let project = '';
    const test = async (rig: Rig) => {
      project = rig.project;
      rig.stack({ web: rig.puppet('web', { stop_grace_period: '10m' }) });
      await rig.hold();
      await body(rig);
    };
    const message = await inRig('inner', test, limitMs).then(String, String);
    return { message, left: Object.values(tracesOf([project])).flat() };
  }

  scenario('takes the commands with it that it has started, and all that they made, without grace', [], async () => {
    const runs: Promise<Run>[] = [];
    const { message, left } = await inner(async (rig) => {
      runs.push(rig.cli(['up']));
      await (await rig.next('web')).do('ignore 15');
      runs.push(rig.cli(['exec', '-T', 'web', '/bin/puppet', '/strings/ctl', 'beside']));
      await rig.next('beside');
      throw new Error('no');
    });
    expect([message, left]).toEqual(['Error: no', []]);
    expect((await Promise.all(runs)).map(({ code }) => code)).toEqual([137, 137]);
  });

  scenario('in time is told what still runs, and starts nothing more', [], async () => {
    let after = 'nothing';
    const { message, left } = await inner(async (rig) => {
      const up = rig.cli(['up']);
      await rig.next('web');
      await up;
      after = await rig.up().then(String, String);
    }, 3000);
    expect(message).toMatch(/^Error: not over after 3000 ms; still running: .* up$/);
    expect([after, left]).toEqual(['Error: the test is over: no more puppets', []]);
  });
});
