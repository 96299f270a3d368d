import type { HostPath, ProjectName } from '../../model/units.ts';
import type { HostEnvironment } from './options.ts';
import { hostPaths } from './paths.ts';
import { listVolumes, volumeData } from './volumes.ts';

export type ListedVolume = {
  readonly name: string;
  /** Key under top-level `volumes:`; absent for an anonymous volume. */
  readonly key?: string;
  /** Where its data lies on the host. */
  readonly path: HostPath;
  /** Milliseconds since the epoch. */
  readonly createdAtMs: number;
};

/** The volumes of a project, anonymous ones included, by name. */
export function listProjectVolumes(environment: HostEnvironment, project: ProjectName): readonly ListedVolume[] {
  const base = hostPaths(environment).volumes;
  return listVolumes(base, project).map(({ name, key, createdAtMs }) => ({
    name,
    ...(key !== undefined && { key }),
    path: volumeData(base, name),
    createdAtMs,
  }));
}
