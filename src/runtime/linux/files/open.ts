import type { ContainerName, ProjectName } from '../../../model/units.ts';
import { initLives } from '../lives.ts';
import type { HostEnvironment } from '../options.ts';
import { containerPaths, hostPaths, projectPaths } from '../paths.ts';
import { shimPath } from '../shim-path.ts';
import { readRecord, readState } from '../state-dir.ts';
import { FileError, FileService } from './service.ts';

export type OpenedFiles = {
  readonly files: FileService;
  /** true: as the running container sees them. false: its root alone, without what would be mounted in it. */
  readonly live: boolean;
};

/** The files of a container, whether it runs or not; throws a `FileError`, `ENOENT` when there is no such container. */
export async function openFiles(
  project: ProjectName,
  container: ContainerName,
  host: HostEnvironment,
): Promise<OpenedFiles> {
  const where = containerPaths(projectPaths(hostPaths(host), project), container);
  const shim = shimPath(host);
  const state = readState(where.stateRecord);
  if (initLives(state)) {
    const files = await FileService.open(shim, { pid: state.initPid, startTime: state.initStart });
    return { files, live: true };
  }
  const record = readRecord(where.record);
  if (record === undefined) throw new FileError('ENOENT', container);
  const { state: stateDir, upper, work } = where;
  const files = await FileService.open(shim, { state: stateDir, upper, work, lowers: record.lowers });
  return { files, live: false };
}
