import type { ContainerName, ProjectName } from '../../model/units.ts';
import type { HostEnvironment } from './options.ts';
import { containerPaths, hostPaths, projectPaths } from './paths.ts';
import { statePhase } from './protocol.ts';
import { readState } from './state-dir.ts';

/**
 * When the last life of a container began, or was found not to: what its end will be told with (`startedAtMs`, and for one
 * that could not begin `finishedAtMs`). undefined: nobody has written it down.
 */
export function lifeBegan(project: ProjectName, container: ContainerName, host: HostEnvironment): number | undefined {
  try {
    const state = readState(containerPaths(projectPaths(hostPaths(host), project), container).stateRecord);
    return (state?.phase === statePhase.FAILED ? state.finishedMs : state?.startedMs) || undefined;
  } catch {
    // Whoever looks at the container next has to say so; what was done with it has been done.
    return undefined;
  }
}
