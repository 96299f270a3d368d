import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Rig } from './scenario.ts';

/** What our command line makes below this test's own cgroup2 directory. */
export function projectCgroup(rig: Rig): string {
  const own = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/';
  const mount = /^\S+ \S+ \S+ \S+ (\S+) .* - cgroup2 /m.exec(readFileSync('/proc/self/mountinfo', 'utf8'))?.[1];
  return join(mount ?? '/sys/fs/cgroup', own, 'tscompose', rig.project);
}

/**
 * Whoever is born into a frozen cgroup stays at its first instruction: the start of a container is held up between the
 * birth of its init and everything that the init does.
 */
export async function whileFrozen(rig: Rig, body: () => Promise<void>): Promise<void> {
  const cgroup = projectCgroup(rig);
  mkdirSync(cgroup, { recursive: true });
  writeFileSync(join(cgroup, 'cgroup.freeze'), '1');
  try {
    await body();
  } finally {
    if (existsSync(cgroup)) writeFileSync(join(cgroup, 'cgroup.freeze'), '0');
  }
}

/** How many processes are in a cgroup and in those below it. */
export const processesIn = (cgroup: string): number =>
  readdirSync(cgroup, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('cgroup.procs'))
    .flatMap((name) => readFileSync(join(cgroup, name), 'utf8').split('\n'))
    .filter((line) => line !== '').length;
