import type { ContainerName, ProjectName } from '../../model/units.ts';
import type { HostEnvironment } from './options.ts';
import { type ContainerPaths, containerPaths, hostPaths, projectPaths } from './paths.ts';
import type { Notified } from './records.ts';
import { readNotified, readState } from './state-dir.ts';

/** What the present life of a container has said of itself; undefined when nobody listens, or it is another life's. */
export function heard({ state, stateRecord }: ContainerPaths): Notified | undefined {
  const said = readNotified(state);
  return said?.start === readState(stateRecord)?.starts ? said : undefined;
}

/** Its last STATUS=; empty when there was none. */
export const statusSaid = (project: ProjectName, container: ContainerName, host: HostEnvironment): string =>
  heard(containerPaths(projectPaths(hostPaths(host), project), container))?.status ?? '';
