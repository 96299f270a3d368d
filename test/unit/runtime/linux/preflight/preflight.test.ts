import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { ContainerConfig, Mount, Origins } from '../../../../../src/model/project.ts';
import type { DesiredContainer } from '../../../../../src/model/state.ts';
import type { ContainerName, GuestPath, HostPath, ServiceName } from '../../../../../src/model/units.ts';
import { parseCpuList } from '../../../../../src/runtime/linux/preflight/host.ts';
import { type PreflightHost, preflight } from '../../../../../src/runtime/linux/preflight.ts';
import { prepareRootfs } from '../../../../../src/runtime/linux/rootfs/prepare.ts';
import { scratchDirectories } from '../rootfs/scratch.ts';

const scratch = scratchDirectories();

const host: PreflightHost = {
  uid: 0,
  cpus: [0, 1],
  controllers: new Set(['cpu', 'cpuset', 'memory', 'pids', 'io']),
  lacks: [],
  programDirectories: ['/usr/bin', '/bin'],
  findTaken: () => undefined,
};

const file = { path: 'stack.yml', text: '' };
const originOf = (start: number) => ({ file, range: { start, end: start + 1 } });

/** Only what preflight reads. */
function container(config: Partial<ContainerConfig>, origins: Origins = {}): DesiredContainer {
  const full = {
    rootfs: { kind: 'directory', path: '/nonexistent' },
    argv: ['/bin/app'],
    environment: {},
    groupAdd: [],
    mounts: [],
    ports: [],
    devices: [],
    resources: { oomKillDisable: false, blkio: [] },
    ...config,
  } as unknown as ContainerConfig;
  return {
    name: 'shop-web-1' as ContainerName,
    service: 'web' as ServiceName,
    number: 1,
    config: full,
    dependsOn: [],
    origins,
  };
}

/** A root filesystem with these files; an executable one has a mode. */
function rootWith(files: { readonly [path: string]: string | readonly [string, number] }): HostPath {
  const root = scratch();
  for (const [path, content] of Object.entries(files)) {
    const [text, mode] = typeof content === 'string' ? [content, 0o644] : content;
    mkdirSync(`${root}${path.slice(0, path.lastIndexOf('/'))}`, { recursive: true });
    writeFileSync(`${root}${path}`, text);
    chmodSync(`${root}${path}`, mode);
  }
  return root;
}
const app = { '/bin/app': ['#!/bin/app\n', 0o755] } as const;

const bind = (source: string, target: string, more: Partial<Mount> = {}): Mount =>
  ({ kind: 'bind', source, target, createHostPath: true, readOnly: false, ...more }) as Mount;

async function check(config: Partial<ContainerConfig>, on: Partial<PreflightHost> = {}) {
  const store = scratch();
  const diagnostics = await preflight([container(config)], {
    host: { ...host, ...on },
    prepare: (source) => prepareRootfs(source, store, { hostPath: '/usr/bin:/bin' }),
  });
  return diagnostics.map(({ code, severity, summary, notes }) => ({
    code: severity === 'error' ? code : `${severity}: ${code}`,
    summary: summary.replace('service "web": ', ''),
    note: notes[0]?.text,
  }));
}

const inRoot = (root: HostPath, config: Partial<ContainerConfig> = {}) =>
  check({ rootfs: { kind: 'directory', path: root }, ...config });

describe('preflight', () => {
  it('has nothing to say about what will work', async () => {
    expect(await inRoot(rootWith(app))).toEqual([]);
  });

  it('says everything at once, each with its place, and of replicas once', async () => {
    const origins = { rootfs: originOf(5), 'resources.cpuQuotaUs': originOf(9) };
    const one = container({ resources: { cpuQuotaUs: 900_000, oomKillDisable: false, blkio: [] } }, origins);
    const two = { ...one, name: 'shop-web-2' as ContainerName, number: 2 };
    const found = await preflight([one, two], {
      host: { ...host, uid: 1000 },
      prepare: () => Promise.reject(new Error('nothing is there to prepare')),
    });
    expect(found.map(({ code, subject }) => [code, subject?.range.start])).toEqual([
      ['not-root', undefined],
      ['rootfs-missing', 5],
      ['limit-out-of-range', 9],
    ]);
  });

  it('points to the nearest thing that was written when a value has no place of its own', async () => {
    const found = await preflight(
      [container({ rootfs: { kind: 'host', programs: ['nosuchprogram'] } }, { rootfs: originOf(3), '': originOf(1) })],
      { host, prepare: () => Promise.reject(new Error('not to be prepared')) },
    );
    expect(found[0]?.subject?.range.start).toBe(3);
  });

  it('says which kernel feature is missing, and how to get it', async () => {
    const lacks = [
      { title: 'overlay', found: 'not in /proc/filesystems', effect: 'no layers', remedy: 'modprobe overlay' },
    ];
    expect(await check({ rootfs: { kind: 'directory', path: rootWith(app) } }, { lacks })).toEqual([
      {
        code: 'host-feature',
        summary: 'cannot start containers: overlay: not in /proc/filesystems',
        note: 'no layers',
      },
    ]);
  });
});

describe('preflight of a root filesystem', () => {
  it('finds one that is missing, and what was meant', async () => {
    const at = scratch();
    mkdirSync(`${at}/rootfs`);
    expect(await check({ rootfs: { kind: 'directory', path: `${at}/rootsf` as HostPath } })).toEqual([
      {
        code: 'rootfs-missing',
        summary: `cannot use ${at}/rootsf as a root filesystem: it does not exist`,
        note: 'did you mean "rootfs"?',
      },
    ]);
  });

  it('finds a file where a directory is needed, and the root of the host', async () => {
    const at = rootWith({ '/file': '' });
    const found = await check({ rootfs: { kind: 'directory', path: `${at}/file` as HostPath } });
    expect(found[0]).toMatchObject({ code: 'rootfs-invalid', summary: expect.stringMatching(/not a directory$/) });
    expect((await check({ rootfs: { kind: 'directory', path: '/' as HostPath } }))[0]?.code).toBe('rootfs-invalid');
  });

  it('finds a tarball that is none, by its first block', async () => {
    const at = rootWith({ '/a.tar': 'x'.repeat(1000), '/b.tar.gz': 'x', '/c.tar.xz': '' });
    writeFileSync(`${at}/c.tar.xz`, Buffer.from('fd377a585a00', 'hex'));
    writeFileSync(`${at}/d.tar.gz`, Buffer.from('1f8b0800000000000000ffff', 'hex'));
    const reasons = [];
    for (const name of ['a.tar', 'b.tar.gz', 'c.tar.xz', 'd.tar.gz']) {
      const [found] = await check({ rootfs: { kind: 'tarball', path: `${at}/${name}` as HostPath } });
      reasons.push(`${found?.code} ${found?.summary.split(': ')[1]}`);
    }
    expect(reasons).toEqual([
      'rootfs-invalid it is not a tar archive',
      'rootfs-invalid it is not a tar archive',
      'rootfs-invalid it is compressed with xz',
      'rootfs-invalid its compression is damaged',
    ]);
  });

  it('finds every program that the host does not have', async () => {
    const found = await check({ rootfs: { kind: 'host', programs: ['sh', 'bahs', '/opt/nosuch'] } });
    expect(found.map(({ code, summary, note }) => [code, summary, note])).toEqual([
      ['program-missing', 'cannot find the program "bahs" on this host', 'did you mean "bash"?'],
      [
        'program-missing',
        'cannot find the program "/opt/nosuch" on this host',
        'install it, or name it by its absolute path',
      ],
    ]);
  });
});

describe('preflight of a command', () => {
  it('finds one that is not in the root filesystem, and what was meant', async () => {
    const root = rootWith({ ...app, '/usr/bin/server': ['#!/bin/app\n', 0o755] });
    expect(await inRoot(root, { argv: ['sever'] })).toEqual([
      {
        code: 'command-missing',
        summary: 'cannot run the command: "sever" is not in the root filesystem',
        note: 'did you mean "server"?',
      },
    ]);
  });

  it('says which program to add to a userspace of the host', async () => {
    const [found] = await check({ rootfs: { kind: 'host', programs: ['sh'] }, argv: ['cat'] });
    expect(found).toMatchObject({ code: 'command-missing', note: 'add it: rootfs: { host: [sh, cat] }' });
  });

  it('looks along the PATH of the service, and in its working directory', async () => {
    const root = rootWith({ '/opt/tool': ['#!/opt/tool\n', 0o755] });
    expect(await inRoot(root, { argv: ['tool'], environment: { PATH: '/bin:/opt' } })).toEqual([]);
    expect(await inRoot(root, { argv: ['./tool'], workingDir: '/opt' as GuestPath })).toEqual([]);
    expect((await inRoot(root, { argv: ['tool'] }))[0]?.code).toBe('command-missing');
    expect((await inRoot(root, { argv: ['./tool'] }))[0]?.code).toBe('command-missing');
  });

  it('finds one that is not executable, or a directory', async () => {
    const root = rootWith({ '/bin/app': 'text', '/bin/dir/x': '' });
    expect(await inRoot(root)).toMatchObject([
      { code: 'command-not-executable', summary: 'cannot run the command: /bin/app is not executable' },
    ]);
    expect((await inRoot(root, { argv: ['/bin/dir'] }))[0]?.summary).toMatch(/is a directory$/);
  });

  it('names the interpreter that is missing', async () => {
    const root = rootWith({
      '/bin/app': ['#!/usr/bin/python3 -u\n', 0o755],
      '/bin/other': ['#!/bin/env ruby\n', 0o755],
    });
    expect((await inRoot(root))[0]).toMatchObject({
      code: 'command-missing',
      summary: 'cannot run the command: /bin/app is a script for /usr/bin/python3, which is not in the root filesystem',
    });
    writeFileSync(`${root}/bin/env`, '');
    expect((await inRoot(root, { argv: ['other'] }))[0]?.summary).toMatch(/is a script for "ruby"/);
    writeFileSync(`${root}/bin/app`, '#!/bin/env -S FOO=1 ruby -w\n');
    expect((await inRoot(root))[0]?.summary).toMatch(/is a script for "ruby"/);
  });

  it('looks into bind mounts, and does not guess about volumes', async () => {
    const root = rootWith({ '/bin/sh': ['#!/bin/sh\n', 0o755] });
    const code = rootWith({ '/run.sh': ['#!/bin/sh\n', 0o755], '/odd.sh': ['#!/bin/ksh\n', 0o755] });
    const mounts = [bind(code, '/app')];
    expect(await inRoot(root, { mounts, argv: ['/app/run.sh'] })).toEqual([]);
    expect((await inRoot(root, { mounts, argv: ['/app/none.sh'] }))[0]?.code).toBe('command-missing');
    expect((await inRoot(root, { mounts, argv: ['/app/odd.sh'] }))[0]?.summary).toMatch(/a script for \/bin\/ksh/);
    const volume = { kind: 'volume', target: '/app', readOnly: false, noCopy: false } as unknown as Mount;
    expect(await inRoot(root, { mounts: [volume], argv: ['/app/run.sh'] })).toEqual([]);
    symlinkSync('/app/run.sh', `${root}/bin/app`);
    expect(await inRoot(root, { mounts: [volume] })).toEqual([]);
    expect(await inRoot(root, { mounts })).toEqual([]);
    expect((await inRoot(root))[0]?.code).toBe('command-missing');
  });

  it('looks at the health check too', async () => {
    const healthcheck = { argv: ['curl', 'localhost'] } as unknown as NonNullable<ContainerConfig['healthcheck']>;
    expect((await inRoot(rootWith(app), { healthcheck }))[0]?.summary).toBe(
      'cannot run the health check: "curl" is not in the root filesystem',
    );
  });
});

describe('preflight of users, mounts, limits and devices', () => {
  it('finds a user that the root filesystem does not know', async () => {
    const root = rootWith({ ...app, '/etc/passwd': 'app:x:5:5::/:\n' });
    expect(await inRoot(root, { user: 'ap' })).toMatchObject([{ code: 'bad-user', note: 'did you mean "app"?' }]);
    expect(await inRoot(root, { user: 'app' })).toEqual([]);
    expect(await inRoot(root, { user: 'ap', mounts: [bind('/etc', '/etc')] })).toEqual([]);
  });

  it('finds a bind source that is missing, unless it is to be made', async () => {
    const root = rootWith({ ...app, '/etc/app.conf': '' });
    const at = scratch();
    expect(await inRoot(root, { mounts: [bind(`${at}/new`, '/data')] })).toEqual([]);
    expect(await inRoot(root, { mounts: [bind(`${at}/new`, '/data', { createHostPath: false })] })).toMatchObject([
      { code: 'bind-missing', summary: `cannot mount ${at}/new on /data: it does not exist on the host` },
    ]);
    const [file] = await inRoot(root, { mounts: [bind(`${at}/app.conf`, '/etc/app.conf')] });
    expect(file?.code).toBe('bind-missing');
  });

  it('finds a file mounted on a directory, and the other way round', async () => {
    const root = rootWith({ ...app, '/etc/app/x': '' });
    const at = rootWith({ '/file': '', '/dir/x': '' });
    expect(await inRoot(root, { mounts: [bind(`${at}/file`, '/etc/app')] })).toMatchObject([
      { code: 'bind-invalid', note: 'mount it on /etc/app/file' },
    ]);
    expect(await inRoot(root, { mounts: [bind(`${at}/dir`, '/etc/app/x')] })).toMatchObject([{ code: 'bind-invalid' }]);
    expect(await inRoot(root, { mounts: [bind(`${at}/file/below`, '/x')] })).toMatchObject([
      { code: expect.stringMatching(/^bind-/) },
    ]);
  });

  it('finds limits that are more than the machine has', async () => {
    const resources = { cpuQuotaUs: 250_000, cpuset: '0-3', oomKillDisable: false, blkio: [] };
    expect(await inRoot(rootWith(app), { resources })).toMatchObject([
      { code: 'limit-out-of-range', summary: 'cannot give it 2.5 cpus: this machine has 2' },
      { code: 'limit-out-of-range', summary: 'cannot use cpu 2: this machine has 0-1' },
    ]);
    const fitting = { cpuQuotaUs: 200_000, cpuset: '0,1', oomKillDisable: false, blkio: [] };
    expect(await inRoot(rootWith(app), { resources: fitting })).toEqual([]);
  });

  it('warns of a limit for which the kernel has no controller', async () => {
    const resources = { pids: 10, oomKillDisable: false, blkio: [] };
    const found = await check(
      { rootfs: { kind: 'directory', path: rootWith(app) }, resources },
      { controllers: new Set(['memory']) },
    );
    expect(found).toMatchObject([{ code: 'warning: host-feature', summary: expect.stringMatching(/pids controller/) }]);
  });

  it('finds devices that are missing or none', async () => {
    const at = rootWith({ '/file': '' });
    const device = (source: string) => ({ source, target: '/dev/x', permissions: 'rwm' }) as never;
    const found = await inRoot(rootWith(app), {
      devices: [device('/dev/null'), device('/dev/nosuch'), device(`${at}/file`)],
    });
    expect(found.map(({ code, summary }) => `${code} ${summary.split(': ')[1]}`)).toEqual([
      'device-missing it does not exist on the host',
      'device-missing it is not a device',
    ]);
  });
});

describe('a list of cpus', () => {
  it('is read as cpuset(7) writes it, and bounded', () => {
    expect(parseCpuList('0-2,5, 7')).toEqual([0, 1, 2, 5, 7]);
    expect(parseCpuList('x,-1,3-1')).toEqual([]);
    expect(parseCpuList('0-99999999999')).toHaveLength(8192);
  });
});

describe('a device that cannot be passed on', () => {
  it('is named, with its place in the file', async () => {
    const root = rootWith({ 'bin/app': ['#!/bin/app\n', 0o755] });
    const devices = [{ source: '/nonexistent/dev' as HostPath, target: '/dev/x' as GuestPath, permissions: 'rwm' }];
    const found = await preflight(
      [container({ rootfs: { kind: 'directory', path: root }, devices }, { 'devices.0': originOf(3) })],
      { host, prepare: (source) => prepareRootfs(source, root) },
    );
    expect(found.filter(({ code }) => code === 'device-missing')).toEqual([
      expect.objectContaining({ severity: 'error', subject: originOf(3) }),
    ]);
  });
});
