import { readFileSync } from 'node:fs';
import type { ProjectName } from '../../model/units.ts';
import type { HostEnvironment } from './options.ts';
import { hostPaths, projectPaths } from './paths.ts';
import { entries, writeFileAtomic } from './state-dir.ts';

/** The projects that have left anything on this machine, by name. */
export function listProjects(environment: HostEnvironment): readonly ProjectName[] {
  return entries(`${hostPaths(environment).lib}/projects`).sort() as ProjectName[];
}

/** The absolute paths of the stack files that a project was last made from; none when nobody wrote them down. */
export function filesOfProject(project: ProjectName, environment: HostEnvironment): readonly string[] {
  try {
    return JSON.parse(readFileSync(projectPaths(hostPaths(environment), project).files, 'utf8')) as string[];
  } catch {
    return [];
  }
}

/** Writes them down. Under the project's lock, and while there is a project: they go with the last that it has. */
export function recordProjectFiles(
  project: ProjectName,
  { files, environment }: { readonly files: readonly string[]; readonly environment: HostEnvironment },
): void {
  const known = filesOfProject(project, environment);
  if (known.length === files.length && known.every((file, i) => file === files[i])) return;
  try {
    writeFileAtomic(projectPaths(hostPaths(environment), project).files, JSON.stringify(files), { mode: 0o600 });
  } catch {
    // Nothing was made, or the disk is full: `ls` does without.
  }
}
