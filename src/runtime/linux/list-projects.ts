import type { ProjectName } from '../../model/units.ts';
import type { HostEnvironment } from './options.ts';
import { hostPaths } from './paths.ts';
import { entries } from './state-dir.ts';

/** The projects that have left anything on this machine, by name. */
export function listProjects(environment: HostEnvironment): readonly ProjectName[] {
  return entries(`${hostPaths(environment).lib}/projects`).sort() as ProjectName[];
}
