import { existsSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RuntimeFailure } from '../../model/event.ts';
import type { ProjectName } from '../../model/units.ts';
import { ok, type Result } from '../../util/result.ts';
import { Launcher } from './launch.ts';
import type { HostEnvironment } from './options.ts';
import { hostPaths, projectPaths } from './paths.ts';
import { shimPath } from './shim-path.ts';
import { makeDirectory } from './state-dir.ts';

export type WatchLock = {
  /** Resolves when it is no longer ours: somebody else watches now, or the project was taken down. */
  readonly lost: Promise<void>;
  readonly release: () => Promise<void>;
};

/**
 * One process watches files for a project, and the newest that wants to does: whoever holds the lock is ended. It is the
 * shim that holds it, for as long as its parent lives.
 */
export async function takeWatchLock(
  project: ProjectName,
  { environment, signal }: { readonly environment: HostEnvironment; readonly signal: AbortSignal },
): Promise<Result<WatchLock, RuntimeFailure>> {
  const paths = hostPaths(environment);
  const { watchLock: lock } = projectPaths(paths, project);
  makeDirectory(paths.run, 0o711);
  const shim = shimPath(environment);
  const launcher = Launcher.start({ shim, lock });
  const locked = await launcher.lock({ signal, onWait: () => void endHolder(lock) });
  return locked.ok ? ok({ lost: launcher.over, release: () => launcher.close() }) : locked;
}

/** Ends watch mode of a project, wherever it runs, and waits until its process is gone. */
export async function endWatch(project: ProjectName, environment: HostEnvironment): Promise<void> {
  const { watchLock, watchLog } = projectPaths(hostPaths(environment), project);
  const watcher = endHolder(watchLock);
  for (let waitedMs = 0; watcher !== undefined && waitedMs < goneMs && isThere(watcher); waitedMs += 10)
    await sleep(10);
  for (const path of [watchLock, watchLog]) if (existsSync(path)) rmSync(path, { force: true });
}

/** A process that has nothing left to do but to end. */
const goneMs = 2000;

/** The pid of the process for which the lock was held; undefined when nobody held it. */
function endHolder(lock: string): number | undefined {
  try {
    const holder = Number.parseInt(readFileSync(lock, 'latin1'), 10);
    if (!(holder > 0) || !readFileSync(`/proc/${holder}/cmdline`, 'latin1').split('\0').includes(lock))
      return undefined;
    const parent = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${holder}/status`, 'latin1'))?.[1];
    // It listens to no other signal, and has nothing to lose but the lock.
    process.kill(holder, 'SIGKILL');
    return Number(parent);
  } catch {
    // No lock, or its holder has just gone by itself.
    return undefined;
  }
}

function isThere(pid: number): boolean {
  try {
    // A zombie has ended; that its parent is slow to notice is nothing to wait for.
    return !/^State:\t[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}
