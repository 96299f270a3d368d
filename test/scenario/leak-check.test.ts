import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { cgroupDirectory } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { added, processesOf, tracesOf, uplinkOf } from '../support/leaks.ts';
import { oursOnHost, shell } from '../support/private-host.ts';
import { scenario } from '../support/scenario.ts';

// The check that everything else relies on must itself be able to fail.

const ended = (child: ChildProcess) => new Promise((resolve) => child.once('close', resolve));

describe('the leak check', () => {
  scenario('finds a process by its directory, and forgets it when it has ended', [], async (rig) => {
    const directory = rig.path(rig.project);
    mkdirSync(directory);
    const child = spawn('sleep', ['60'], { cwd: directory });
    const end = ended(child);
    await eventually(() => expect(processesOf(rig.project).map((p) => p.pid)).toEqual([child.pid]));
    expect(tracesOf([rig.project])['processes']).toEqual([expect.stringContaining('sleep')]);
    child.kill('SIGKILL');
    await end;
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
