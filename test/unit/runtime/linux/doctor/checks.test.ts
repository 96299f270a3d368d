import { describe, expect, it } from 'vitest';
import { examine, findVitalLacks } from '../../../../../src/runtime/linux/doctor/checks.ts';
import type { DoctorHost, Finding } from '../../../../../src/runtime/linux/doctor/finding.ts';
import { readDoctorHost } from '../../../../../src/runtime/linux/doctor/host.ts';
import type { DoctorProbes } from '../../../../../src/runtime/linux/doctor/probes.ts';

const all = (1n << 41n) - 1n;
const texts: { readonly [path: string]: string } = {
  '/proc/filesystems': 'nodev\tproc\nnodev\toverlay\nnodev\tmqueue\n',
  '/proc/sys/kernel/seccomp/actions_avail': 'kill_process errno allow\n',
  '/proc/sys/user/max_user_namespaces': '1000\n',
  '/proc/sys/fs/inotify/max_user_watches': '524288\n',
  '/proc/sys/fs/inotify/max_user_instances': '512\n',
  '/proc/self/limits':
    'Limit  Soft Hard Units\nMax processes  9000  9000  processes\nMax open files            1024                 65536                files\n',
  '/proc/self/mountinfo': '21 1 254:0 / / rw - ext4 /dev/vda rw\n30 21 0:24 / /tmp rw - tmpfs none rw\n',
};
const probes = {
  overlay: { kind: 'works' },
  packetFilter: { kind: 'seen', chains: [] },
} as const satisfies DoctorProbes;
const forward = { family: 'ip', table: 'filter', name: 'FORWARD', hook: 2, policy: 'drop' } as const;

const firewalld = { family: 'inet', table: 'firewalld', name: 'filter_FORWARD', hook: 2, policy: 'accept' } as const;

const sound = (over: Partial<DoctorHost> = {}): DoctorHost => ({
  uid: 0,
  user: 'root',
  kernelRelease: '6.6.0-1-amd64',
  nodeVersion: '20.19.0',
  environment: {},
  shim: '/shim',
  facts: {
    cgroups: { v1: [], v2: { base: '/sys/fs/cgroup', controllers: ['cpu', 'memory', 'pids', 'cpuset', 'io'] } },
    capabilities: all,
    cpus: 4,
    kcore: true,
    arch: 'x64',
  },
  libDirectory: '/var/lib/tscompose',
  freeBytes: 2 ** 40,
  text: (path) => texts[path],
  exists: () => true,
  probes,
  ...over,
});
const without = (path: string): DoctorHost => sound({ exists: (other) => other !== path });
const withText = (path: string, text: string | undefined): DoctorHost =>
  sound({ text: (other) => (other === path ? text : texts[other]) });
const facts = (over: Partial<DoctorHost['facts']>): DoctorHost => sound({ facts: { ...sound().facts, ...over } });

const texted = (more: { readonly [path: string]: string }, over: Partial<DoctorHost> = {}): DoctorHost =>
  sound({ text: (path) => more[path] ?? texts[path], ...over });
const tried = (over: Partial<DoctorProbes>): DoctorHost => sound({ probes: { ...probes, ...over } });
type ChainsSeen = Extract<DoctorProbes['packetFilter'], { readonly kind: 'seen' }>['chains'];
const filtered = (chains: ChainsSeen): DoctorHost => tried({ packetFilter: { kind: 'seen', chains } });
const mounted = (line: string): DoctorHost =>
  texted({ '/proc/self/mountinfo': `${texts['/proc/self/mountinfo']}${line}\n` });

const bad = (host: DoctorHost): readonly Finding[] => examine(host).filter(({ status }) => status !== 'ok');

describe('doctor', () => {
  it('finds nothing wrong with a sound machine', () => {
    expect(bad(sound())).toEqual([]);
  });

  const lacks: readonly (readonly [what: string, host: DoctorHost, id: string, status: Finding['status']])[] = [
    ['a missing capability', facts({ capabilities: all & ~(1n << 24n) }), 'capabilities.sys_resource', 'limited'],
    ['an old kernel', sound({ kernelRelease: '5.13.0' }), 'kernel', 'missing'],
    ['a missing namespace', without('/proc/self/ns/pid'), 'namespace.pid', 'missing'],
    ['no time namespace', without('/proc/self/ns/time'), 'namespace.time', 'limited'],
    ['no overlayfs', withText('/proc/filesystems', 'nodev\tmqueue\n'), 'filesystem.overlay', 'missing'],
    ['no seccomp', withText('/proc/sys/kernel/seccomp/actions_avail', undefined), 'seccomp', 'limited'],
    ['no eBPF', without('/proc/sys/kernel/unprivileged_bpf_disabled'), 'bpf', 'limited'],
    ['eBPF under lockdown', texted({ '/sys/kernel/security/lockdown': 'none [confidentiality]' }), 'bpf', 'limited'],
    ['eBPF without its compiler', texted({ '/proc/sys/net/core/bpf_jit_enable': '0\n' }), 'bpf', 'limited'],
    [
      'a mount of overlay that is refused',
      tried({ overlay: { kind: 'refused', errno: 'EINVAL' } }),
      'overlay.features',
      'missing',
    ],
    [
      'a filesystem without whiteouts',
      tried({ overlay: { kind: 'incomplete', lacks: 'no whiteouts' } }),
      'overlay.features',
      'missing',
    ],
    ['a filesystem that is never idmapped', mounted('31 21 0:25 / /var rw - nfs4 host:/ rw'), 'idmap', 'limited'],
    [
      'a kernel that does not idmap it yet',
      { ...mounted('31 21 0:25 / /var rw - btrfs /dev/vdb rw'), kernelRelease: '5.14.0' },
      'idmap',
      'limited',
    ],
    ['no nftables', tried({ packetFilter: { kind: 'refused', errno: 'EPROTONOSUPPORT' } }), 'nftables', 'limited'],
    ['rules of iptables-legacy', texted({ '/proc/net/ip_tables_names': 'nat\nfilter\n' }), 'firewall', 'limited'],
    ...(['inet', 'ip', 'ip6'] as const).map(
      (family) =>
        [
          `a firewall that drops what is forwarded, in a table of ${family}`,
          filtered([{ ...forward, family, table: family === 'inet' ? 'filter' : 'fw' }]),
          'firewall',
          'limited',
        ] as const,
    ),
    ['firewalld, whose chains reject by a rule', filtered([firewalld]), 'firewall', 'limited'],
    [
      'user namespaces only for root',
      texted({ '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1\n' }),
      'userns',
      'limited',
    ],
    ['few processes', texted({ '/sys/fs/cgroup/pids.max': '100\n' }), 'processes', 'limited'],
    ['a volatile disk', mounted('31 21 0:25 / /var/lib/tscompose rw - tmpfs none rw'), 'disk', 'limited'],
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
    // What up asks for beforehand is all that no container can do without, but for being root.
    const { probes: _, ...untried } = host;
    const vital = examine(untried).filter((finding) => finding.status === 'missing' && finding.id !== 'root');
    expect(findVitalLacks(untried)).toEqual(vital);
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

  it('tells a user who is not root what is missing for having ids to hand out', () => {
    const user = { uid: 1000, user: 'ann' };
    expect(bad(sound(user)).map(({ id, status }) => [id, status])).toEqual([
      ['root', 'missing'],
      ['subuid', 'limited'],
    ]);
    expect(bad(sound(user))[1]?.remedy).toBe('usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ann');
    const ranges = { '/etc/subuid': 'ann:100000:65536\n', '/etc/subgid': '1000:100000:65536\n' };
    expect(bad(texted(ranges, { ...user, exists: (path) => !path.endsWith('newuidmap') }))[1]).toMatchObject({
      id: 'subuid',
      remedy: 'apt-get install uidmap',
    });
    expect(bad(texted(ranges, user)).map(({ id }) => id)).toEqual(['root']);
  });

  it('knows that a rule of ours gets past chains of Docker and of iptables that drop', () => {
    const found = (chains: ChainsSeen): string | undefined =>
      examine(filtered(chains)).find(({ id }) => id === 'firewall')?.found;
    expect(found([forward])).toMatch(/^FORWARD drops: .* a rule in it/);
    expect(found([forward, { family: 'ip', table: 'filter', name: 'DOCKER-USER' }])).toMatch(/DOCKER-USER/);
    const trusted = { family: 'inet', table: 'firewalld', name: 'filter_FWD_trusted' } as const;
    expect(found([firewalld, trusted])).toBe('nothing in the way');
    expect(found([])).toBe('nothing in the way');
  });

  it('says nothing about what nobody has tried', () => {
    const { probes: _, ...untried } = sound();
    expect(examine(untried).map(({ id }) => id)).not.toContain('overlay.features');
    expect(examine(untried).map(({ id }) => id)).not.toContain('nftables');
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
