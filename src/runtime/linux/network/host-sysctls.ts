import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import type { Native } from '../native.ts';
import { machineRun } from './host-lock.ts';
import { inNetns } from './netns.ts';
import { entriesOf, linkAt, textAt } from './proc-files.ts';
import { readSysctl, writeSysctl } from './sysctl.ts';

/** Sysctls of the host that a project needed otherwise, and the boot in which that was. */
type Memory = {
  readonly boot: string;
  /** Of the network namespace, by which it is known whether there still is one. */
  readonly inode?: number;
  readonly changes: { readonly [key: string]: Changed };
};
type Changed = {
  readonly before: string;
  readonly ours: string;
  /** Somebody else let packets through already, and did without this. */
  readonly unshared: boolean;
};

/** Who relies on the sysctls of the host. Call what changes them with the host's lock held. */
export type HostSysctls = {
  /** File that remembers what was changed, whichever project did it. */
  readonly memory: string;
  /** Whether somebody else on this host lets packets through: Docker, podman, libvirt, Kubernetes. */
  readonly othersForward: () => boolean;
  /** Whether a project of ours is connected with this host, below any root. */
  readonly weForward: () => boolean;
};

const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

function readMemory(path: string): Memory {
  const nothing: Memory = { boot: bootId(), changes: {} };
  try {
    const memory = JSON.parse(readFileSync(path, 'utf8')) as Memory;
    return memory.boot === nothing.boot ? memory : nothing;
  } catch {
    return nothing;
  }
}

function writeMemory(path: string, memory: Memory): void {
  mkdirSync(machineRun, { recursive: true, mode: 0o711 });
  writeFileSync(`${path}.new`, JSON.stringify(memory), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Sets a sysctl and remembers, before that, what it was; one that has the value already is nobody's change. */
export function changeSysctl({ memory: path, othersForward }: HostSysctls, key: string, value: string): void {
  const before = readSysctl(key);
  if (before === undefined || before === value) return;
  const { boot, changes } = readMemory(path);
  const inode = namespaceInode();
  const known = changes[key] ?? { before, unshared: othersForward() };
  writeMemory(path, { boot, inode, changes: { ...changes, [key]: { ...known, ours: value } } });
  writeSysctl(key, value);
}

/**
 * Lets IPv6 packets through the host. A forwarding host ignores router advertisements unless told otherwise, so interfaces
 * that live by them are told first.
 */
export function forwardIpv6(sysctls: HostSysctls): void {
  if (readSysctl('ipv6/conf/all/forwarding') !== '0') return;
  for (const name of readdirSync('/proc/sys/net/ipv6/conf'))
    if (name !== 'all' && name !== 'default' && name !== 'lo' && readSysctl(`ipv6/conf/${name}/accept_ra`) === '1')
      changeSysctl(sysctls, `ipv6/conf/${name}/accept_ra`, '2');
  changeSysctl(sysctls, 'ipv6/conf/all/forwarding', '1');
}

/**
 * Puts everything back that still has the value we gave it, once no project is left; but not what others may rely on, who
 * have come since and have found it so.
 */
export function restoreSysctls({ memory: path, othersForward, weForward }: HostSysctls): void {
  if (weForward()) return;
  // Forwarding first: it is what made the others necessary.
  const changes = Object.entries(readMemory(path).changes).sort(
    ([a], [b]) => Number(b.includes('forward')) - Number(a.includes('forward')),
  );
  for (const [key, { before, ours, unshared }] of changes)
    if (readSysctl(key) === ours && (unshared || !othersForward())) writeSysctl(key, before);
  rmSync(path, { force: true });
}

/**
 * Forgets what was changed in network namespaces that are gone, with their sysctls: whoever could have put those back was
 * killed with them. To be called with the host's lock held.
 */
export function sweepMemories(native: Native, { memory: own }: HostSysctls): void {
  const others = entriesOf(machineRun)
    .filter((name) => /^netns-.*\.sysctls$/.test(name))
    .map((name) => `${machineRun}/${name}`)
    .filter((path) => path !== own);
  if (others.length === 0) return;
  const living = namespacesInUse();
  for (const path of others) {
    // Of an earlier boot there is nothing in it.
    const { inode, changes } = readMemory(path);
    const isGone = inode === undefined ? Object.keys(changes).length === 0 : !isStill(native, path, living.get(inode));
    if (isGone) rmSync(path, { force: true });
  }
}

/** Inodes are given to new namespaces at once, cookies never: only inside one can be told whose memory it is. */
function isStill(native: Native, memory: string, namespace: string | undefined): boolean {
  if (namespace === undefined) return false;
  let fd: number;
  try {
    fd = openSync(namespace, 'r');
  } catch {
    return true; // gone in between, or not for us: the next one looks again
  }
  try {
    return inNetns(native, fd, () => memoryPath(native)) === memory;
  } catch {
    return true;
  } finally {
    closeSync(fd);
  }
}

/** The network namespaces that a thread is in, a process has open, or a mount keeps: where to open each, by inode. */
function namespacesInUse(): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  const note = (text: string, path: string): void => {
    const inode = /net:\[(\d+)\]/.exec(text)?.[1];
    if (inode !== undefined) found.set(Number(inode), path);
  };
  const mountNamespaces = new Set<string>();
  for (const pid of entriesOf('/proc').filter((name) => /^\d+$/.test(name))) {
    const links = [
      ...entriesOf(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}/ns/net`),
      ...entriesOf(`/proc/${pid}/fd`).map((fd) => `/proc/${pid}/fd/${fd}`),
    ];
    for (const path of links) note(linkAt(path), path);
    const mounts = linkAt(`/proc/${pid}/ns/mnt`);
    if (mountNamespaces.has(mounts)) continue;
    mountNamespaces.add(mounts);
    for (const line of textAt(`/proc/${pid}/mountinfo`).split('\n'))
      note(line, `/proc/${pid}/root${line.split(' ')[4]}`);
  }
  return found;
}

const namespaceInode = (): number => statSync('/proc/thread-self/ns/net').ino;

const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const SOL_SOCKET = 1;
const SO_NETNS_COOKIE = 71;

/**
 * The memory of the network namespace we are in, which is the host for us, whatever root its projects are below. Its name
 * belongs to no project. Cookies are not used again while the machine runs; before Linux 5.12 there are only inodes.
 */
export function memoryPath(native: Native): string {
  const socket = native.socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0);
  const cookie = native.wideSocketOption(socket, SOL_SOCKET, SO_NETNS_COOKIE);
  native.close(socket);
  return `${machineRun}/netns-${cookie ?? `inode-${namespaceInode()}`}.sysctls`;
}
