import { readFileSync } from 'node:fs';
import type { HealthRecord } from '../../model/state.ts';
import type { ContainerName, ProjectName } from '../../model/units.ts';
import { containerPaths, type Paths, projectPaths } from './paths.ts';
import { readState, writeFileAtomic } from './state-dir.ts';

/** What was found out, and about which life of the container: it says nothing about the next one. */
type Stored = HealthRecord & { readonly startedAtMs: number };

const pathIn = (stateDir: string): string => `${stateDir}/health.json`;

export function writeHealth(
  paths: Paths,
  project: ProjectName,
  about: { readonly container: ContainerName; readonly record: HealthRecord },
): void {
  const { state } = containerPaths(projectPaths(paths, project), about.container);
  const startedAtMs = readState(state)?.startedMs;
  if (startedAtMs === undefined) return;
  const stored: Stored = { ...about.record, startedAtMs };
  writeFileAtomic(pathIn(state), JSON.stringify(stored), { mode: 0o600 });
}

/** undefined: nothing is known of this life yet. */
export function readHealth(stateDir: string, startedAtMs: number): HealthRecord | undefined {
  try {
    const stored = JSON.parse(readFileSync(pathIn(stateDir), 'utf8')) as Stored;
    return stored.startedAtMs === startedAtMs ? stored : undefined;
  } catch {
    return undefined;
  }
}
