import { existsSync, readFileSync } from 'node:fs';
import type { ProjectName } from '../../model/units.ts';
import type { HostEnvironment } from './options.ts';
import { hostPaths, projectPaths } from './paths.ts';

/**
 * Whether somebody is changing the project right now, so that what is observed may be about to change. Asks neither
 * flock(2), which would need a library, nor /proc/locks, which takes the kernel 20 ms: whoever gets the lock writes its
 * pid into the file, and its command line names the file. A wrong yes costs its asker a wait, nothing else.
 */
export function isLockHeld(project: ProjectName, environment: HostEnvironment): boolean {
  const { lock } = projectPaths(hostPaths(environment), project);
  try {
    const holder = Number.parseInt(readFileSync(lock, 'utf8'), 10);
    return holder > 0 && readFileSync(`/proc/${holder}/cmdline`, 'utf8').split('\0').includes(lock);
  } catch {
    return false;
  }
}

/**
 * Whether anything of the project is on disk: the last command of a project takes the lock's file away with the rest. One
 * that was killed may have left both, although there is no container to observe.
 */
export function hasTraces(project: ProjectName, environment: HostEnvironment): boolean {
  const { lock, run, lib } = projectPaths(hostPaths(environment), project);
  return [lock, run, lib].some((path) => existsSync(path));
}
