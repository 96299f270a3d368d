import type { ObservedVolume } from '../../model/state.ts';
import type { ProjectName } from '../../model/units.ts';
import type { Paths } from './paths.ts';

export const listVolumes =
  (_paths: Paths) =>
  (_project: ProjectName): readonly ObservedVolume[] => [];
