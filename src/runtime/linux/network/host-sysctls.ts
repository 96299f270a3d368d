import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { hasRouter } from './router.ts';
import { readSysctl, writeSysctl } from './sysctl.ts';

/** Sysctls of the host that a project needed otherwise: what they were, and what we made of them. */
type Memory = { readonly [key: string]: { readonly before: string; readonly ours: string } };

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
export function changeSysctl(path: string, key: string, value: string): void {
  const before = readSysctl(key);
  if (before === undefined || before === value) return;
  const memory = readMemory(path);
  writeMemory(path, { ...memory, [key]: { before: memory[key]?.before ?? before, ours: value } });
  writeSysctl(key, value);
}

/**
 * Lets IPv6 packets through the host. A forwarding host ignores router advertisements unless told otherwise, so interfaces
 * that live by them are told first.
 */
export function forwardIpv6(path: string): void {
  if (readSysctl('ipv6/conf/all/forwarding') !== '0') return;
  for (const name of readdirSync('/proc/sys/net/ipv6/conf'))
    if (name !== 'all' && name !== 'default' && name !== 'lo' && readSysctl(`ipv6/conf/${name}/accept_ra`) === '1')
      changeSysctl(path, `ipv6/conf/${name}/accept_ra`, '2');
  changeSysctl(path, 'ipv6/conf/all/forwarding', '1');
}

/** Puts everything back that still has the value we gave it, once no project has a router any more. */
export function restoreSysctls(path: string): void {
  if (routersLeft(path)) return;
  // Forwarding first: it is what made the others necessary.
  const changes = Object.entries(readMemory(path)).sort(
    ([a], [b]) => Number(b.includes('forward')) - Number(a.includes('forward')),
  );
  for (const [key, { before, ours }] of changes) if (readSysctl(key) === ours) writeSysctl(key, before);
  rmSync(path, { force: true });
}

/** Leaves everything as it is, for somebody else needs it so, once no project has a router any more. */
export function forgetSysctls(path: string): void {
  if (!routersLeft(path)) rmSync(path, { force: true });
}

function routersLeft(path: string): boolean {
  const run = dirname(path);
  return readdirSync(run).some((name) => name.endsWith('.network') && hasRouter(`${run}/${name}/router`));
}

/** The file for a run directory. Its name belongs to no project. */
export const memoryPath = (run: string): string => `${run}/${basename(run)}.sysctls`;
