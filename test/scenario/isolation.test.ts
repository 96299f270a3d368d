import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { describe, expect } from 'vitest';
import { cgroupLines, inspect, processesSeen, running } from '../support/checks.ts';
import { fileText, mountsOf } from '../support/inspection.ts';
import { scenario } from '../support/scenario.ts';

const hostNamespace = (kind: string) => readlinkSync(`/proc/self/ns/${kind}`);

describe('from the inside, a container', () => {
  scenario('sees its own processes only, with a small init as PID 1', [], async (rig) => {
    const seen = await inspect(rig);
    expect(processesSeen(seen).sort()).toEqual([1, seen.pid]);
    expect(seen.ppid).toBe(1);
    expect(seen.session).toBe(seen.pid);
    expect(fileText(seen, '/proc/1/cmdline')).not.toContain(rig.directory);
  });

  scenario('is PID 1 itself when it asks to be', [], async (rig) => {
    const seen = await inspect(rig, { init: false });
    expect(seen.pid).toBe(1);
    expect(processesSeen(seen)).toEqual([1]);
  });

  scenario('has namespaces of its own, the user namespace excepted', [], async (rig) => {
    const seen = await inspect(rig);
    const shared = Object.entries(seen.namespaces).filter(([kind, link]) => link === hostNamespace(kind));
    expect(shared.map(([kind]) => kind).filter((kind) => kind !== 'time')).toEqual(['user']);
  });

  scenario('shares the network of the host when it asks to', [], async (rig) => {
    const seen = await inspect(rig, { network_mode: 'host' });
    expect(seen.namespaces['net']).toBe(hostNamespace('net'));
  });

  scenario('has the hostname it was given, and the host keeps its own', [], async (rig) => {
    const before = hostname();
    const seen = await inspect(rig, { hostname: 'lighthouse', domainname: 'coast.test' });
    expect(seen.hostname).toBe('lighthouse');
    expect(fileText(seen, '/proc/sys/kernel/domainname').trim()).toBe('coast.test');
    expect(readFileSync('/proc/sys/kernel/hostname', 'utf8').trim()).toBe(before);
  });

  scenario('lives at the offsets its clocks were given', ['time namespace'], async (rig) => {
    const seen = await inspect(rig, { 'x-tscompose': { clock: { monotonic: '1h', boottime: '2h' } } });
    expect(fileText(seen, '/proc/self/timens_offsets').trim().split(/\s+/)).toEqual([
      'monotonic',
      '3600',
      '0',
      'boottime',
      '7200',
      '0',
    ]);
    const uptimeSeconds = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
    expect(seen.boottime - uptimeSeconds).toBeGreaterThan(7190);
    expect(seen.boottime - uptimeSeconds).toBeLessThan(7210);
  });

  scenario('is at the root of its cgroups', [], async (rig) => {
    const lines = cgroupLines(await inspect(rig, { mem_limit: '64m', cpus: 0.5, pids_limit: 50 }));
    expect(lines).toContain('0::/');
    for (const controller of ['memory', 'pids', 'cpu']) {
      const line = lines.find((text) => (text.split(':')[1] ?? '').split(',').includes(controller));
      if (line !== undefined) expect(line.endsWith(':/'), line).toBe(true);
    }
  });

  scenario('has no mount of the host and no way to a file of it', [], async (rig) => {
    const mounts = mountsOf(await inspect(rig));
    const allowed = /^\/(?:$|proc|sys|dev|etc\/(?:hosts|hostname|resolv\.conf)$)/;
    expect(mounts.filter(({ point }) => !allowed.test(point))).toEqual([]);
    expect(mounts.filter(({ point }) => point === '/').map(({ type }) => type)).toEqual(['overlay']);
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    const web = await rig.next('web');
    expect(await web.say(`list ${rig.directory}`)).toBe('No such file or directory');
    expect(await web.say('list /home')).toBe('No such file or directory');
  });

  scenario('has the files, directories and owners of its root and nothing more', [], async (rig) => {
    const seen = await inspect(rig);
    const given = ['bin', 'etc', 'tmp', 'strings'];
    const made = ['dev', 'proc', 'sys'];
    expect(Object.keys(seen.root).sort()).toEqual([...given, ...made].sort());
  });

  scenario('has no file open but its three', [], async (rig) => {
    const seen = await inspect(rig);
    // The directory being listed is open too.
    const others = Object.entries(seen.fds).filter(([, { target }]) => !target.endsWith('/fd'));
    expect(others.map(([fd]) => fd).sort()).toEqual(['0', '1', '2']);
    expect(seen.fds['0']?.target).toBe('/dev/null');
  });

  scenario(
    'gets PATH, HOME and HOSTNAME as under docker, and what the file says, and nothing of the host',
    [],
    async (rig) => {
      const seen = await inspect(rig, { environment: { GREETING: 'hello world' }, hostname: 'h1' });
      expect([...seen.env].sort()).toEqual([
        'GREETING=hello world',
        'HOME=/root',
        'HOSTNAME=h1',
        'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      ]);
    },
  );
});

describe('from the outside, a container', () => {
  scenario('is an ordinary process in a cgroup of its project', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    const web = await rig.next('web');
    const { pid } = await running(rig, 'web');
    expect(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).toContain(rig.project);
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    expect(/^NSpid:\s+(\d+)\s+(\d+)$/m.exec(status)?.slice(1)).toEqual([String(pid), '1']);
    expect(web.guestPid).toBeGreaterThan(1);
  });

  scenario('adds no mount to the host', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    await rig.next('web');
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(rig.project);
  });
});
