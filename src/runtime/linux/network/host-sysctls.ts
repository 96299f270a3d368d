import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { hasRouter } from './router.ts';
import { readSysctl, writeSysctl } from './sysctl.ts';

/** Sysctls of the host that a project needed otherwise: what they were, and what we made of them. */
type Memory = { readonly [key: string]: Changed };
type Changed = {
  readonly before: string;
  readonly ours: string;
  /** Somebody else let packets through already, and did without this. */
  readonly unshared: boolean;
};

/** What the sysctls of the host are changed with. */
export type HostSysctls = {
  /** File that remembers what we changed, shared by all projects. */
  readonly memory: string;
  /** Whether somebody else on this host lets packets through: Docker, podman, libvirt, Kubernetes. */
  readonly othersForward: () => boolean;
};

function readMemory(path: string): Memory {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Memory;
  } catch {
    return {};
  }
}

function writeMemory(path: string, memory: Memory): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, JSON.stringify(memory), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Sets a sysctl and remembers, before that, what it was; one that has the value already is nobody's change. */
export function changeSysctl({ memory: path, othersForward }: HostSysctls, key: string, value: string): void {
  const before = readSysctl(key);
  if (before === undefined || before === value) return;
  const memory = readMemory(path);
  const known = memory[key] ?? { before, unshared: othersForward() };
  writeMemory(path, { ...memory, [key]: { ...known, ours: value } });
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
 * Puts everything back that still has the value we gave it, once no project has a router any more; but not what others may
 * rely on, who have come since and have found it so.
 */
export function restoreSysctls({ memory: path, othersForward }: HostSysctls): void {
  if (routersLeft(path)) return;
  // Forwarding first: it is what made the others necessary.
  const changes = Object.entries(readMemory(path)).sort(
    ([a], [b]) => Number(b.includes('forward')) - Number(a.includes('forward')),
  );
  for (const [key, { before, ours, unshared }] of changes)
    if (readSysctl(key) === ours && (unshared || !othersForward())) writeSysctl(key, before);
  rmSync(path, { force: true });
}

function routersLeft(path: string): boolean {
  const run = dirname(path);
  return readdirSync(run).some((name) => name.endsWith('.network') && hasRouter(`${run}/${name}/router`));
}

/** The file for a run directory. Its name belongs to no project. */
export const memoryPath = (run: string): string => `${run}/${basename(run)}.sysctls`;
