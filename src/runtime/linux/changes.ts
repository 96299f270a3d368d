import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import type { ContainerName, ProjectName } from '../../model/units.ts';
import { loadNative } from './native.ts';
import type { HostEnvironment } from './options.ts';
import { containerPaths, hostPaths, projectPaths } from './paths.ts';
import { readRecord } from './state-dir.ts';

/** `A` added, `C` changed, `D` deleted; a guest path. */
export type FileChange = { readonly kind: 'A' | 'C' | 'D'; readonly path: string };

/**
 * What a container has changed in its root filesystem, by path: its writable layer, as the overlay wrote it. Mounts are not
 * part of it. undefined when there is no such container.
 */
export async function fileChanges(
  project: ProjectName,
  container: ContainerName,
  host: HostEnvironment,
): Promise<readonly FileChange[] | undefined> {
  const where = containerPaths(projectPaths(hostPaths(host), project), container);
  const record = readRecord(where.record);
  if (record === undefined) return undefined;
  const { attribute } = await loadNative();
  const isOpaque = (path: string): boolean => attribute(path, 'trusted.overlay.opaque')?.toString() === 'y';
  const changes: FileChange[] = [];
  compare({ upper: where.upper, lowers: record.lowers, path: '' }, { isOpaque, changes });
  return changes.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

type Pair = {
  readonly upper: string;
  /** The directories of this path in the layers below, topmost first; none is reached through a link. */
  readonly lowers: readonly string[];
  readonly path: string;
};
type Comparing = { readonly isOpaque: (path: string) => boolean; readonly changes: FileChange[] };

function compare({ upper, lowers, path }: Pair, comparing: Comparing): void {
  const names = readdirSync(upper);
  for (const name of names) {
    const above = join(upper, name);
    const at = `${path}/${name}`;
    const found = lstatSync(above);
    const below = lowers.flatMap((lower) => statOf(join(lower, name)) ?? []);
    const first = below[0];
    if (isWhiteout(found)) {
      if (first !== undefined) comparing.changes.push({ kind: 'D', path: at });
      continue;
    }
    comparing.changes.push({ kind: first === undefined ? 'A' : 'C', path: at });
    if (!found.isDirectory()) continue;
    const opaque = first !== undefined && comparing.isOpaque(above);
    const directories = lowers.map((lower) => join(lower, name)).filter((lower) => statOf(lower)?.isDirectory());
    if (opaque)
      for (const gone of namesGone(directories, above)) comparing.changes.push({ kind: 'D', path: `${at}/${gone}` });
    compare({ upper: above, lowers: directories, path: at }, comparing);
  }
}

/** A directory that was removed and made anew hides all that was in the old one. */
function namesGone(directories: readonly string[], above: string): readonly string[] {
  const there = new Set(readdirSync(above));
  return [...new Set(directories.flatMap((directory) => readdirSync(directory)))].filter((name) => !there.has(name));
}

const isWhiteout = (found: Stats): boolean => found.isCharacterDevice() && found.rdev === 0;
const statOf = (path: string): Stats | undefined => lstatSync(path, { throwIfNoEntry: false });
