import { existsSync, readFileSync, statSync } from 'node:fs';
import type { ProjectName } from '../../model/units.ts';
import type { HostEnvironment } from './options.ts';
import { hostPaths, projectPaths } from './paths.ts';

/**
 * Whether somebody is changing the project right now, so that what is observed may be about to change. Asks /proc/locks
 * instead of flock(2), which would need a library; only the inode is compared, because filesystems like btrfs and overlay
 * show another device number there. A wrong yes costs its asker a wait, nothing else.
 */
export function isLockHeld(project: ProjectName, environment: HostEnvironment): boolean {
  try {
    const { ino } = statSync(projectPaths(hostPaths(environment), project).lock);
    return new RegExp(`^\\d+: (?:FLOCK|OFDLCK) .*:${ino} `, 'm').test(readFileSync('/proc/locks', 'latin1'));
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
