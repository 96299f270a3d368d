import type { HealthRecord, ObservedContainer } from '../../model/state.ts';
import type { ContainerName, ProjectName } from '../../model/units.ts';
import { jsonIfThere } from './absent.ts';
import type { HostEnvironment } from './options.ts';
import { containerPaths, hostPaths, type Paths, projectPaths } from './paths.ts';
import { readState, writeFileAtomic } from './state-dir.ts';

/** What was found out, and about which life of the container: it says nothing about the next one. */
type Stored = HealthRecord & { readonly startedAtMs: number };

const pathIn = (stateDir: string): string => `${stateDir}/health.json`;

export function writeHealth(
  paths: Paths,
  project: ProjectName,
  about: { readonly container: ContainerName; readonly record: HealthRecord },
): void {
  const { state, stateRecord } = containerPaths(projectPaths(paths, project), about.container);
  const startedAtMs = readState(stateRecord)?.startedMs;
  if (startedAtMs === undefined) return;
  const stored: Stored = { ...about.record, startedAtMs };
  writeFileAtomic(pathIn(state), JSON.stringify(stored), { mode: 0o600 });
}

/** What is known of the health of a container that runs; undefined: nothing, or it does not. */
export function healthOf(project: ProjectName, { name, status }: ObservedContainer, host: HostEnvironment) {
  if (status.kind !== 'running') return undefined;
  const { state } = containerPaths(projectPaths(hostPaths(host), project), name);
  return readHealth(state, status.startedAtMs);
}

/** undefined: nothing is known of this life yet. Throws when it cannot be read. */
export function readHealth(stateDir: string, startedAtMs: number): HealthRecord | undefined {
  const stored = jsonIfThere<Stored>(pathIn(stateDir));
  return stored?.startedAtMs === startedAtMs ? stored : undefined;
}
