import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, fstatSync, openSync, rmSync, statSync } from 'node:fs';
import type { ProjectName } from '../../model/units.ts';
import type { HostEnvironment, SupervisorCommand } from './options.ts';
import { hostPaths, projectPaths } from './paths.ts';
import { shimPath } from './shim-path.ts';

export type SupervisorLock = {
  /** false: the file it is on was removed with the project; somebody else may hold the lock by now. */
  readonly isCurrent: () => boolean;
  /** Of a project that is gone, nothing is left: the lock's file goes too. */
  readonly release: () => void;
};

/** Where the shim leaves it. */
const lockFd = 3;

/** Where the history of a project lies. */
export const eventsPath = (project: ProjectName, host: HostEnvironment): string =>
  projectPaths(hostPaths(host), project).events;

/** The lock of the project's supervisor, if this process was started with one. Node itself could not take it. */
export function inheritedLock(project: ProjectName, host: HostEnvironment): SupervisorLock | undefined {
  const { supervisorLock, lib } = projectPaths(hostPaths(host), project);
  const isCurrent = (): boolean => {
    try {
      const held = fstatSync(lockFd);
      const named = statSync(supervisorLock);
      return held.ino === named.ino && held.dev === named.dev;
    } catch {
      return false;
    }
  };
  const release = (): void => {
    if (isCurrent() && !existsSync(lib)) rmSync(supervisorLock, { force: true });
    closeSync(lockFd);
  };
  return isFile(lockFd) ? { isCurrent, release } : undefined;
}

/** Node itself has something there that is none. */
function isFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch {
    return false;
  }
}

/**
 * Starts a supervisor for the project, which takes its lock first; it ends with code 75 when there is one. `detached`: it
 * is on its own from now on.
 */
export function startSupervisor(
  project: ProjectName,
  { residentArgv, environment }: SupervisorCommand,
  { host, detached }: { readonly host: HostEnvironment; readonly detached: boolean },
): ChildProcess {
  const { supervisorLock, diary } = projectPaths(hostPaths(host), project);
  const complaints = detached ? openSync(diary, 'a', 0o600) : ('inherit' as const);
  const child = spawn(shimPath(host), ['supervise', supervisorLock, ...residentArgv, project], {
    stdio: detached ? ['ignore', 'ignore', complaints] : 'inherit',
    detached,
    env: { ...environment },
    cwd: '/',
  });
  if (typeof complaints === 'number') closeSync(complaints);
  if (detached) child.unref();
  return child;
}
