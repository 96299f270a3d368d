import type { ContainerName, ProjectName } from '../../../model/units.ts';
import { initLives } from '../lives.ts';
import type { HostEnvironment } from '../options.ts';
import { type ContainerPaths, containerPaths, hostPaths, projectPaths } from '../paths.ts';
import { shimPath } from '../shim-path.ts';
import { readRecord, readState } from '../state-dir.ts';
import { type ContainerProcess, FileError, FileService } from './service.ts';

/**
 * The files of a container, to be read: whether it runs or not, and then its root alone, without what would be mounted in
 * it. Its layers are mounted read-only here, so that it can be started meanwhile. Throws a `FileError`, `ENOENT` when there
 * is no such container.
 */
export async function openFiles(
  project: ProjectName,
  container: ContainerName,
  host: HostEnvironment,
): Promise<FileService> {
  const shim = shimPath(host);
  const where = containerPaths(projectPaths(hostPaths(host), project), container);
  const live = processOf(where);
  if (live !== undefined) return FileService.open(shim, live);
  const { lib, upper } = where;
  const lowers = [upper, ...lowersOf(where, container)];
  return FileService.open(shim, { place: lib, upper: '', work: '', lowers });
}

/** The files of a running container, to be read and changed; undefined when it does not run. */
export function openLiveFiles(
  project: ProjectName,
  container: ContainerName,
  host: HostEnvironment,
): Promise<FileService> | undefined {
  const live = processOf(containerPaths(projectPaths(hostPaths(host), project), container));
  return live === undefined ? undefined : FileService.open(shimPath(host), live);
}

/**
 * As `openFiles`, for who holds the project's lock and also writes: a container that is started beside a second mount of
 * its writable layer does not see what is written there, and may find its work directory cleaned up under it.
 */
export async function openFilesUnderLock(
  project: ProjectName,
  container: ContainerName,
  host: HostEnvironment,
): Promise<FileService> {
  const live = openLiveFiles(project, container, host);
  if (live !== undefined) return live;
  const where = containerPaths(projectPaths(hostPaths(host), project), container);
  const { lib, upper, work } = where;
  return FileService.open(shimPath(host), { place: lib, upper, work, lowers: lowersOf(where, container) });
}

function processOf({ stateRecord }: ContainerPaths): ContainerProcess | undefined {
  const state = readState(stateRecord);
  return initLives(state) ? { pid: state.initPid, startTime: state.initStart } : undefined;
}

function lowersOf({ record }: ContainerPaths, container: ContainerName): readonly string[] {
  const found = readRecord(record);
  if (found === undefined) throw new FileError('ENOENT', container);
  return found.lowers;
}
