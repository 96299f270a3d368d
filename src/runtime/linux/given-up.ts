import type { GivenUp, ObservedContainer } from '../../model/state.ts';
import type { ContainerName, ProjectName } from '../../model/units.ts';
import { jsonIfThere } from './absent.ts';
import { containerPaths, type Paths, projectPaths } from './paths.ts';
import { writeFileAtomic } from './state-dir.ts';

/** Why a container is left as it is, and after which end: it says nothing about the next one. */
export type GivenUpRecord = { readonly reason: GivenUp; readonly endedAtMs: number };

const pathIn = (stateDir: string): string => `${stateDir}/given-up.json`;

export function writeGivenUp(
  paths: Paths,
  project: ProjectName,
  about: { readonly container: ContainerName; readonly record: GivenUpRecord },
): void {
  const { state } = containerPaths(projectPaths(paths, project), about.container);
  writeFileAtomic(pathIn(state), JSON.stringify(about.record), { mode: 0o600 });
}

/** undefined: it runs, was never given up, or that was after another end. Throws when it cannot be read. */
export function readGivenUp(
  stateDir: string,
  { status, config }: Pick<ObservedContainer, 'status' | 'config'>,
): GivenUp | undefined {
  if (!('finishedAtMs' in status) || config.restart.condition === 'no') return undefined;
  const record = jsonIfThere<GivenUpRecord>(pathIn(stateDir));
  return record?.endedAtMs === status.finishedAtMs ? record.reason : undefined;
}
