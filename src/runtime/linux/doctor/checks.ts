import { capabilityNames } from '../caps.ts';
import type { HostFacts } from '../host-facts.ts';
import type { HostEnvironment } from '../options.ts';

/** Everything the checks look at; an argument, so that they can be tried on any machine. */
export type DoctorHost = {
  readonly uid: number;
  /** uname -r */
  readonly kernelRelease: string;
  readonly nodeVersion: string;
  readonly environment: HostEnvironment;
  readonly shim: string;
  readonly facts: HostFacts;
  readonly libDirectory: string;
  readonly freeBytes: number;
  readonly text: (path: string) => string | undefined;
  readonly exists: (path: string) => boolean;
};

/** `missing`: something does not work at all; `limited`: it works with the effect named. */
export type FindingStatus = 'ok' | 'limited' | 'missing';

export type Finding = {
  /** Stable, for scripts: "cgroup.memory". */
  readonly id: string;
  readonly title: string;
  readonly status: FindingStatus;
  /** What was found. */
  readonly found: string;
  /** What does not work because of it. */
  readonly effect?: string;
  /** The exact line that mends it, or what to install. */
  readonly remedy?: string;
};

type Lack = { readonly effect: string; readonly remedy: string };
type Check = (host: DoctorHost) => readonly Finding[];

/** All findings, in the order in which they matter. */
export function examine(host: DoctorHost): readonly Finding[] {
  return checks.flatMap((check) => check(host));
}

const fine = (id: string, title: string, found: string): Finding => ({ id, title, status: 'ok', found });
const lacks = (status: 'limited' | 'missing', finding: Omit<Finding, 'status'> & Lack): Finding => ({
  ...finding,
  status,
});

const checks: readonly Check[] = [
  root,
  capabilities,
  kernel,
  namespaces,
  filesystems,
  controllers,
  trackingTree,
  seccomp,
  bpf,
  userNamespaces,
  firewall,
  inotify,
  openFiles,
  disk,
  shim,
  certificates,
];

function root({ uid }: DoctorHost): readonly Finding[] {
  const base = { id: 'root', title: 'user', found: `uid ${uid}` };
  if (uid === 0) return [fine(base.id, base.title, base.found)];
  return [
    lacks('missing', {
      ...base,
      effect: 'containers cannot be made',
      remedy: 'run tscompose as root: sudo tscompose …',
    }),
  ];
}

/** What each capability is needed for; the rest is only for containers that ask for it. */
const needed: { readonly [name: string]: { readonly status: 'limited' | 'missing'; readonly effect: string } } = {
  SYS_ADMIN: { status: 'missing', effect: 'no namespaces and no mounts' },
  NET_ADMIN: { status: 'limited', effect: 'no networks: only network_mode none with no lo, or host' },
  SYS_RESOURCE: {
    status: 'limited',
    effect: 'ulimits above the present hard limit and oom_score_adj below 0 are clamped',
  },
  MKNOD: { status: 'missing', effect: 'no device nodes in containers' },
  SYS_TIME: { status: 'limited', effect: 'x-tscompose.clock cannot be honoured' },
};

function capabilities({ facts }: DoctorHost): readonly Finding[] {
  const missing = capabilityNames.filter((_, bit) => ((facts.capabilities >> BigInt(bit)) & 1n) === 0n);
  if (missing.length === 0) return [fine('capabilities', 'capabilities', 'all')];
  return missing.map((name) => {
    const need = needed[name] ?? { status: 'limited' as const, effect: `containers cannot be given ${name}` };
    return lacks(need.status, {
      id: `capabilities.${name.toLowerCase()}`,
      title: `CAP_${name}`,
      found: 'not in our bounding set',
      effect: need.effect,
      remedy: 'start tscompose where it is not dropped (outside of a container, or docker run --cap-add)',
    });
  });
}

function kernel({ kernelRelease }: DoctorHost): readonly Finding[] {
  const [major = 0, minor = 0] = kernelRelease.split('.').map(Number);
  if (major > 5 || (major === 5 && minor >= 14)) return [fine('kernel', 'kernel', kernelRelease)];
  return [
    lacks('missing', {
      id: 'kernel',
      title: 'kernel',
      found: kernelRelease,
      effect: 'cgroup.kill, close_range or mount_setattr is missing: containers cannot be started safely',
      remedy: 'use Linux 5.14 or later',
    }),
  ];
}

const namespaceNames = {
  pid: 'PID_NS',
  mnt: 'NAMESPACES',
  uts: 'UTS_NS',
  ipc: 'IPC_NS',
  net: 'NET_NS',
  cgroup: 'CGROUPS',
};

function namespaces({ exists }: DoctorHost): readonly Finding[] {
  const absent = Object.entries(namespaceNames).filter(([name]) => !exists(`/proc/self/ns/${name}`));
  const findings = absent.map(([name, option]) =>
    lacks('missing', {
      id: `namespace.${name}`,
      title: `${name} namespace`,
      found: 'not in this kernel',
      effect: 'containers cannot be made',
      remedy: `use a kernel with CONFIG_${option}=y`,
    }),
  );
  if (absent.length === 0) findings.push(fine('namespaces', 'namespaces', Object.keys(namespaceNames).join(' ')));
  if (exists('/proc/self/ns/time')) return [...findings, fine('namespace.time', 'time namespace', 'there')];
  const lack = { effect: 'x-tscompose.clock cannot be honoured', remedy: 'use a kernel with CONFIG_TIME_NS=y (5.6)' };
  return [
    ...findings,
    lacks('limited', { id: 'namespace.time', title: 'time namespace', found: 'not in this kernel', ...lack }),
  ];
}

const filesystemNeeds: { readonly [name: string]: Lack & { readonly status: 'limited' | 'missing' } } = {
  overlay: { status: 'missing', effect: 'no writable layer over a rootfs', remedy: 'modprobe overlay' },
  mqueue: { status: 'limited', effect: 'no POSIX message queues', remedy: 'use a kernel with CONFIG_POSIX_MQUEUE=y' },
};

function filesystems({ text }: DoctorHost): readonly Finding[] {
  const known = new Set((text('/proc/filesystems') ?? '').split('\n').map((line) => line.split('\t').at(-1)));
  return Object.entries(filesystemNeeds).map(([name, { status, effect, remedy }]) => {
    const id = `filesystem.${name}`;
    if (known.has(name)) return fine(id, name, 'there');
    return lacks(status, { id, title: name, found: 'not in /proc/filesystems', effect, remedy });
  });
}

const controllerKeys: { readonly [controller: string]: string } = {
  cpu: 'cpus, cpu_shares, cpu_quota',
  memory: 'mem_limit, mem_reservation, memswap_limit and OOM reports',
  pids: 'pids_limit',
  cpuset: 'cpuset',
  io: 'blkio_config',
};

function controllers({ facts: { cgroups } }: DoctorHost): readonly Finding[] {
  return Object.entries(controllerKeys).map(([name, keys]) => {
    const id = `cgroup.${name}`;
    const title = `${name} controller`;
    const v1 = cgroups.v1.find(({ controllers }) => controllers.includes(name === 'io' ? 'blkio' : name));
    if (v1 !== undefined) return fine(id, title, `v1, ${v1.base}`);
    if (cgroups.v2?.controllers.includes(name)) return fine(id, title, `v2, ${cgroups.v2.base}`);
    const remedy =
      cgroups.v2 === undefined
        ? `mount the cgroup2 filesystem: mount -t cgroup2 none /sys/fs/cgroup`
        : `enable it for us: echo +${name} > ${cgroups.v2.base}/cgroup.subtree_control (systemd: Delegate=yes)`;
    return lacks('limited', { id, title, found: 'neither on v1 nor on v2', effect: `no ${keys}`, remedy });
  });
}

function trackingTree({ facts }: DoctorHost): readonly Finding[] {
  const base = facts.cgroups.v2?.base;
  if (base !== undefined) return [fine('cgroup.v2', 'cgroup2 tree', base)];
  const lack = {
    effect: 'containers are killed process by process, and cannot be paused',
    remedy: 'mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified',
  };
  return [lacks('limited', { id: 'cgroup.v2', title: 'cgroup2 tree', found: 'not mounted', ...lack })];
}

function seccomp({ text }: DoctorHost): readonly Finding[] {
  const actions = text('/proc/sys/kernel/seccomp/actions_avail')?.trim();
  if (actions?.includes('errno')) return [fine('seccomp', 'seccomp filters', 'there')];
  const lack = {
    effect: 'containers run without a system call filter',
    remedy: 'use a kernel with CONFIG_SECCOMP_FILTER=y',
  };
  return [lacks('limited', { id: 'seccomp', title: 'seccomp filters', found: 'not in this kernel', ...lack })];
}

function bpf({ facts, exists }: DoctorHost): readonly Finding[] {
  const needsIt = !facts.cgroups.v1.some(({ controllers }) => controllers.includes('devices'));
  if (exists('/proc/sys/kernel/unprivileged_bpf_disabled')) return [fine('bpf', 'eBPF', 'there')];
  const effect = needsIt ? 'access to devices cannot be limited' : 'no fast path for published ports';
  const lack = { effect, remedy: 'use a kernel with CONFIG_BPF_SYSCALL=y and CONFIG_CGROUP_BPF=y' };
  return [lacks('limited', { id: 'bpf', title: 'eBPF', found: 'not in this kernel', ...lack })];
}

function userNamespaces({ text }: DoctorHost): readonly Finding[] {
  const most = Number(text('/proc/sys/user/max_user_namespaces') ?? '0');
  const title = 'user namespaces';
  if (most > 0) return [fine('userns', title, `up to ${most}`)];
  const lack = {
    effect: 'containers cannot make user namespaces of their own',
    remedy: 'sysctl user.max_user_namespaces=15000',
  };
  return [lacks('limited', { id: 'userns', title, found: 'none allowed', ...lack })];
}

/** Docker's rules reach bridged traffic in the host's namespace; ours has a namespace of its own, except for the uplink. */
function firewall({ text }: DoctorHost): readonly Finding[] {
  const bridged = text('/proc/sys/net/bridge/bridge-nf-call-iptables')?.trim() === '1';
  const found = bridged ? 'bridged traffic goes through iptables (br_netfilter)' : 'bridged traffic is not filtered';
  return [fine('firewall', 'firewall', `${found}; traffic between services is in a namespace of its own either way`)];
}

const enoughWatches = 65_536;

function inotify({ text }: DoctorHost): readonly Finding[] {
  const watches = Number(text('/proc/sys/fs/inotify/max_user_watches') ?? '0');
  const instances = Number(text('/proc/sys/fs/inotify/max_user_instances') ?? '0');
  const base = { id: 'inotify', title: 'inotify limits', found: `${watches} watches, ${instances} instances` };
  if (watches >= enoughWatches && instances >= 128) return [fine(base.id, base.title, base.found)];
  const lack = {
    effect: 'watch mode ends early on large trees',
    remedy: 'sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512',
  };
  return [lacks('limited', { ...base, ...lack })];
}

const enoughFiles = 4096;

function openFiles({ text }: DoctorHost): readonly Finding[] {
  const [, soft = '0', hard = '0'] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(text('/proc/self/limits') ?? '') ?? [];
  const most = hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard);
  const base = { id: 'files', title: 'open files', found: `soft ${soft}, hard ${hard}` };
  if (most >= enoughFiles) return [fine(base.id, base.title, base.found)];
  return [lacks('limited', { ...base, effect: 'services with many connections run out', remedy: 'ulimit -Hn 65536' })];
}

const enoughBytes = 256 * 2 ** 20;

function disk({ libDirectory, freeBytes, text }: DoctorHost): readonly Finding[] {
  const base = { id: 'disk', title: libDirectory, found: `${Math.floor(freeBytes / 2 ** 20)} MiB free` };
  const volatile = (text('/proc/self/mountinfo') ?? '')
    .split('\n')
    .some((line) => line.includes(` ${libDirectory} `) && line.includes(' - tmpfs '));
  if (volatile)
    return [
      lacks('limited', {
        ...base,
        effect: 'volumes and containers are gone after a boot',
        remedy: `put ${libDirectory} on a disk`,
      }),
    ];
  if (freeBytes >= enoughBytes) return [fine(base.id, base.title, base.found)];
  return [
    lacks('limited', {
      ...base,
      effect: 'containers and logs run out of space',
      remedy: `free some space on ${libDirectory}`,
    }),
  ];
}

function shim({ shim: path, exists }: DoctorHost): readonly Finding[] {
  if (exists(path)) return [fine('shim', 'shim', path)];
  const lack = {
    effect: 'containers cannot be started',
    remedy: 'npm run build (it needs a C compiler: apt-get install gcc)',
  };
  return [lacks('missing', { id: 'shim', title: 'shim', found: `${path} does not exist`, ...lack })];
}

function certificates({ environment, nodeVersion }: DoctorHost): readonly Finding[] {
  const bundle = environment['NODE_EXTRA_CA_CERTS'];
  if (bundle === undefined || Number(nodeVersion.split('.')[0]) >= 22) return [];
  return [
    lacks('limited', {
      id: 'certificates',
      title: 'NODE_EXTRA_CA_CERTS',
      found: bundle,
      effect: `Node ${nodeVersion} reads it at every start, which doubles the time of every command`,
      remedy: 'unset NODE_EXTRA_CA_CERTS, or use Node 22',
    }),
  ];
}
