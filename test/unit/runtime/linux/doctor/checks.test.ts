import { describe, expect, it } from 'vitest';
import { type DoctorHost, examine, type Finding } from '../../../../../src/runtime/linux/doctor/checks.ts';
import { readDoctorHost } from '../../../../../src/runtime/linux/doctor/host.ts';

const all = (1n << 41n) - 1n;
const texts: { readonly [path: string]: string } = {
  '/proc/filesystems': 'nodev\tproc\nnodev\toverlay\nnodev\tmqueue\n',
  '/proc/sys/kernel/seccomp/actions_avail': 'kill_process errno allow\n',
  '/proc/sys/user/max_user_namespaces': '1000\n',
  '/proc/sys/fs/inotify/max_user_watches': '524288\n',
  '/proc/sys/fs/inotify/max_user_instances': '512\n',
  '/proc/self/limits':
    'Limit  Soft Hard Units\nMax open files            1024                 65536                files\n',
  '/proc/self/mountinfo': '',
};

const sound = (over: Partial<DoctorHost> = {}): DoctorHost => ({
  uid: 0,
  kernelRelease: '6.1.0-13-amd64',
  nodeVersion: '20.19.0',
  environment: {},
  shim: '/shim',
  facts: {
    cgroups: { v1: [], v2: { base: '/sys/fs/cgroup', controllers: ['cpu', 'memory', 'pids', 'cpuset', 'io'] } },
    capabilities: all,
    cpus: 4,
    bfq: false,
    kcore: true,
    arch: 'x64',
  },
  libDirectory: '/var/lib/tscompose',
  freeBytes: 2 ** 40,
  text: (path) => texts[path],
  exists: () => true,
  ...over,
});
const without = (path: string): DoctorHost => sound({ exists: (other) => other !== path });
const withText = (path: string, text: string | undefined): DoctorHost =>
  sound({ text: (other) => (other === path ? text : texts[other]) });
const facts = (over: Partial<DoctorHost['facts']>): DoctorHost => sound({ facts: { ...sound().facts, ...over } });

const bad = (host: DoctorHost): readonly Finding[] => examine(host).filter(({ status }) => status !== 'ok');

describe('doctor', () => {
  it('finds nothing wrong with a sound machine', () => {
    expect(bad(sound())).toEqual([]);
  });

  const lacks: readonly (readonly [what: string, host: DoctorHost, id: string, status: Finding['status']])[] = [
    ['a user who is not root', sound({ uid: 1000 }), 'root', 'missing'],
    ['a missing capability', facts({ capabilities: all & ~(1n << 24n) }), 'capabilities.sys_resource', 'limited'],
    ['an old kernel', sound({ kernelRelease: '5.10.0' }), 'kernel', 'missing'],
    ['a missing namespace', without('/proc/self/ns/pid'), 'namespace.pid', 'missing'],
    ['no time namespace', without('/proc/self/ns/time'), 'namespace.time', 'limited'],
    ['no overlayfs', withText('/proc/filesystems', 'nodev\tmqueue\n'), 'filesystem.overlay', 'missing'],
    ['no seccomp', withText('/proc/sys/kernel/seccomp/actions_avail', undefined), 'seccomp', 'limited'],
    ['no eBPF', without('/proc/sys/kernel/unprivileged_bpf_disabled'), 'bpf', 'limited'],
    ['user namespaces turned off', withText('/proc/sys/user/max_user_namespaces', '0'), 'userns', 'limited'],
    ['few inotify watches', withText('/proc/sys/fs/inotify/max_user_watches', '8192'), 'inotify', 'limited'],
    ['few open files', withText('/proc/self/limits', 'Max open files  256  1024  files'), 'files', 'limited'],
    ['a full disk', sound({ freeBytes: 1000 }), 'disk', 'limited'],
    ['a missing shim', without('/shim'), 'shim', 'missing'],
    [
      'a certificate bundle on Node 20',
      sound({ environment: { NODE_EXTRA_CA_CERTS: '/ca' } }),
      'certificates',
      'limited',
    ],
  ];
  it.each(lacks)('names %s, its effect and a remedy', (_what, host, id, status) => {
    const findings = bad(host);
    expect(findings.map((finding) => [finding.id, finding.status])).toEqual([[id, status]]);
    expect(findings[0]?.effect).toMatch(/\w/);
    expect(findings[0]?.remedy).toMatch(/\w/);
  });

  it('says where each controller lives, and how to get one that is missing', () => {
    const host = facts({
      cgroups: {
        v1: [{ controllers: ['memory'], base: '/sys/fs/cgroup/memory/tscompose' }],
        v2: { base: '/sys/fs/cgroup/unified', controllers: ['pids'] },
      },
    });
    const found = examine(host).filter(({ id }) => id.startsWith('cgroup.'));
    expect(found.find(({ id }) => id === 'cgroup.memory')?.found).toBe('v1, /sys/fs/cgroup/memory/tscompose');
    expect(found.find(({ id }) => id === 'cgroup.pids')?.found).toBe('v2, /sys/fs/cgroup/unified');
    expect(found.find(({ id }) => id === 'cgroup.cpu')).toMatchObject({
      status: 'limited',
      effect: 'no cpus, cpu_shares, cpu_quota',
      remedy: 'enable it for us: echo +cpu > /sys/fs/cgroup/unified/cgroup.subtree_control (systemd: Delegate=yes)',
    });
  });

  it('says nothing of the certificate bundle on Node 22, which reads it lazily', () => {
    expect(bad(sound({ environment: { NODE_EXTRA_CA_CERTS: '/ca' }, nodeVersion: '22.1.0' }))).toEqual([]);
  });

  it('examines this machine', () => {
    const findings = examine(readDoctorHost({}));
    expect(new Set(findings.map(({ id }) => id)).size).toBe(findings.length);
    expect(findings.find(({ id }) => id === 'kernel')?.status).toBe('ok');
  });
});
