import type { RuntimeFailure } from '../../../model/event.ts';
import type { ContainerConfig, Mount, Propagation } from '../../../model/project.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import type { CgroupLayout } from '../cgroup/layout.ts';
import { type SetupOp, shared } from '../frame.ts';
import { bindFlag } from '../protocol.ts';
import type { ContainerFacts } from './facts.ts';
import { ms } from './flags.ts';
import { op } from './op.ts';

const quiet = ms.NOSUID | ms.NODEV | ms.NOEXEC;

/** The file systems every container has, with Docker's options. A mount of the user's at the same place replaces ours. */
export function systemMounts(config: ContainerConfig, cgroups: CgroupLayout): SetupOp[] {
  const taken = new Set<string>(config.mounts.map((mount) => mount.target));
  const hierarchies = cgroups.v1.map(({ hierarchy }) => hierarchy.controllers.join(','));
  const key = ['mounts', config.privileged, config.shmSizeBytes, cgroups.v2 === undefined, ...hierarchies].join(' ');
  return shared(key, () => allMounts(config, cgroups)).filter((made) => !taken.has(targetOf(made)));
}

function allMounts(config: ContainerConfig, cgroups: CgroupLayout): SetupOp[] {
  return [
    mount('proc', 'proc', '/proc', { flags: quiet }),
    mount('tmpfs', 'tmpfs', '/dev', { flags: ms.NOSUID | ms.STRICTATIME, data: 'mode=755,size=65536k' }),
    mount('devpts', 'devpts', '/dev/pts', {
      flags: ms.NOSUID | ms.NOEXEC,
      data: 'newinstance,ptmxmode=0666,mode=0620,gid=5',
    }),
    mount('tmpfs', 'shm', '/dev/shm', {
      flags: quiet,
      data: `mode=1777,size=${config.shmSizeBytes}`,
      configPath: 'shmSizeBytes',
    }),
    mount('mqueue', 'mqueue', '/dev/mqueue', { flags: quiet }),
    mount('sysfs', 'sysfs', '/sys', { flags: quiet | (config.privileged ? 0 : ms.RDONLY) }),
    ...cgroupMounts(config, cgroups),
  ];
}

/**
 * Only hierarchies in which the container has a directory of its own: in the others its namespace's root would be the
 * host's, and with it the names and numbers of everything else that runs here.
 */
function cgroupMounts(config: ContainerConfig, cgroups: CgroupLayout): SetupOp[] {
  const target = '/sys/fs/cgroup';
  const flags = quiet | (config.privileged ? 0 : ms.RDONLY);
  if (cgroups.v1.length === 0) return cgroups.v2 === undefined ? [] : [mount('cgroup2', 'cgroup', target, { flags })];
  const ops = [mount('tmpfs', 'cgroup', target, { flags: quiet, data: 'mode=755,nr_inodes=64,size=64k' })];
  const places = cgroups.v1.map(({ hierarchy }) => ({ ...hierarchy, name: hierarchy.controllers.join(',') }));
  const seen = places.filter(({ name }) => name !== 'devices');
  for (const { controllers, name } of seen) {
    ops.push(op('MKDIR_IN', { numbers: [0o755, 0, 0], strings: [`${target}/${name}`] }));
    if (controllers.length === 1) continue;
    for (const alias of controllers) ops.push(op('SYMLINK', { strings: [name, `${target}/${alias}`] }));
  }
  // Now, because it makes a second mount of everything that is below it.
  if (!config.privileged) ops.push(op('READONLY', { strings: [target] }));
  for (const { name } of seen) ops.push(mount('cgroup', 'cgroup', `${target}/${name}`, { flags, data: name }));
  return ops;
}

const targetOf = (made: SetupOp): string => String(made.kind === 'MOUNT' ? made.strings[2] : made.strings.at(-1));

/** /etc/hostname, /etc/hosts and /etc/resolv.conf are ours to rewrite while the container runs, so they are files of the host. */
export const boundFiles = ['hostname', 'hosts', 'resolv.conf'] as const;

export function etcMounts(config: ContainerConfig, facts: ContainerFacts): SetupOp[] {
  const taken = new Set<string>(config.mounts.map((mount) => mount.target));
  return boundFiles
    .filter((name) => !taken.has(`/etc/${name}`))
    .map((name) => op('BIND', { numbers: [0, ms.PRIVATE], strings: [`${facts.paths.files}/${name}`, `/etc/${name}`] }));
}

/** What the stack file asks for, in its order, which puts parents before children. */
export function configMounts(config: ContainerConfig, facts: ContainerFacts): Result<SetupOp[], RuntimeFailure> {
  const ops: SetupOp[] = [];
  for (const [i, wanted] of config.mounts.entries()) {
    const configPath = `mounts.${i}`;
    const refused = refusal(wanted);
    if (refused !== undefined) return err({ code: 'setup-failed', message: refused, configPath, notes: [] });
    ops.push(...mountOps(wanted, { index: i, configPath, facts }));
  }
  return ok(ops);
}

/** Below /proc lies what confines a container; only the files that lxcfs replaces may be covered there. */
const proper = /^\/proc\/(?:cpuinfo|diskstats|meminfo|stat|swaps|uptime|loadavg|slabinfo)$/;

function refusal({ target }: Mount): string | undefined {
  if (!target.startsWith('/') || target.split('/').includes('..'))
    return `cannot mount on ${target}: not an absolute path`;
  if (/^\/+$/.test(target)) return 'cannot mount on /: it is the root of the container; set rootfs instead';
  if (target === '/proc' || (target.startsWith('/proc/') && !proper.test(target))) {
    return `cannot mount on ${target}: /proc belongs to the container's kernel view`;
  }
  return undefined;
}

function mountOps(wanted: Mount, at: { index: number; configPath: string; facts: ContainerFacts }): SetupOp[] {
  const { index, configPath, facts } = at;
  const { target } = wanted;
  switch (wanted.kind) {
    case 'bind': {
      const flags = (wanted.readOnly ? bindFlag.READONLY : 0) | (wanted.recursive ? bindFlag.RECURSIVE : 0);
      return [
        op('BIND', {
          numbers: [flags, propagationFlags[wanted.propagation]],
          strings: [wanted.source, target],
          configPath,
        }),
      ];
    }
    case 'volume': {
      const flags = (wanted.readOnly ? bindFlag.READONLY : 0) | bindFlag.RECURSIVE;
      return [
        op('BIND', {
          numbers: [flags, propagationFlags.rprivate],
          strings: [facts.volumes.get(index) ?? '', target],
          configPath,
        }),
      ];
    }
    case 'file': {
      const flags = bindFlag.READONLY | bindFlag.NOSUID | bindFlag.NODEV | bindFlag.NOEXEC;
      return [
        op('BIND', { numbers: [flags, ms.PRIVATE], strings: [facts.files.get(index) ?? '', target], configPath }),
      ];
    }
    case 'tmpfs':
      return [tmpfs(wanted, configPath)];
  }
}

const propagationFlags: { readonly [name in Propagation]: number } = {
  private: ms.PRIVATE,
  rprivate: ms.PRIVATE | ms.REC,
  shared: ms.SHARED,
  rshared: ms.SHARED | ms.REC,
  slave: ms.SLAVE,
  rslave: ms.SLAVE | ms.REC,
};

/** Flags by the names mount(8) gives them: set or cleared. Anything else is an option of the file system itself. */
const flagNames: { readonly [name: string]: readonly ['set' | 'clear', number] } = {
  ro: ['set', ms.RDONLY],
  rw: ['clear', ms.RDONLY],
  nosuid: ['set', ms.NOSUID],
  suid: ['clear', ms.NOSUID],
  nodev: ['set', ms.NODEV],
  dev: ['clear', ms.NODEV],
  noexec: ['set', ms.NOEXEC],
  exec: ['clear', ms.NOEXEC],
  sync: ['set', ms.SYNCHRONOUS],
  async: ['clear', ms.SYNCHRONOUS],
  dirsync: ['set', ms.DIRSYNC],
  noatime: ['set', ms.NOATIME],
  atime: ['clear', ms.NOATIME],
  nodiratime: ['set', ms.NODIRATIME],
  diratime: ['clear', ms.NODIRATIME],
  relatime: ['set', ms.RELATIME],
  norelatime: ['clear', ms.RELATIME],
  strictatime: ['set', ms.STRICTATIME],
  nostrictatime: ['clear', ms.STRICTATIME],
  defaults: ['set', 0],
};

function tmpfs(wanted: Extract<Mount, { kind: 'tmpfs' }>, configPath: string): SetupOp {
  let flags: number = quiet;
  const data: string[] = [];
  for (const option of wanted.options) {
    const known = flagNames[option];
    if (known === undefined) data.push(option);
    else flags = known[0] === 'set' ? flags | known[1] : flags & ~known[1];
  }
  if (wanted.readOnly) flags |= ms.RDONLY;
  if (wanted.sizeBytes !== undefined) data.push(`size=${wanted.sizeBytes}`);
  if (wanted.mode !== undefined) data.push(`mode=${wanted.mode.toString(8)}`);
  if (wanted.uid !== undefined) data.push(`uid=${wanted.uid}`);
  if (wanted.gid !== undefined) data.push(`gid=${wanted.gid}`);
  return mount('tmpfs', 'tmpfs', wanted.target, { flags, data: data.join(','), configPath });
}

function mount(
  type: string,
  source: string,
  target: string,
  options: { flags: number; data?: string; configPath?: string },
): SetupOp {
  const { flags, data = '', configPath } = options;
  return op('MOUNT', { numbers: [flags], strings: [type, source, target, data], configPath });
}
