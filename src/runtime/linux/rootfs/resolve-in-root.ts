import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import type { GuestPath, HostPath } from '../../../model/units.ts';
import { err, ok, type Result } from '../../../util/result.ts';

export type ResolvedPath = {
  /** Where it is on the host; no component of it below the root is a link. */
  readonly host: HostPath;
  /** The same as the container sees it, links followed. */
  readonly guest: GuestPath;
  readonly stats: Stats;
};

export type Unresolved =
  | { readonly kind: 'missing'; readonly at: GuestPath }
  | { readonly kind: 'not-a-directory'; readonly at: GuestPath }
  | { readonly kind: 'loop'; readonly at: GuestPath };

const maxLinks = 40;

/**
 * Resolves a path as a process whose root these layers (top first) make up would, links followed inside it: what
 * openat2(2) calls RESOLVE_IN_ROOT. Only for trees that no container can write to while this runs.
 */
export function resolveInRoot(
  layers: readonly HostPath[],
  path: string,
  { followLast = true }: { readonly followLast?: boolean } = {},
): Result<ResolvedPath, Unresolved> {
  const rest = components(path);
  let at = '';
  let found = look(layers, '');
  let links = 0;
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    if (name === '..') {
      at = at.slice(0, Math.max(0, at.lastIndexOf('/')));
      found = look(layers, at);
      continue;
    }
    const next = `${at}/${name}`;
    if (found?.stats.isDirectory() !== true) return err({ kind: 'not-a-directory', at: (at || '/') as GuestPath });
    const step = look(layers, next);
    if (step === undefined) return err({ kind: 'missing', at: next as GuestPath });
    if (step.stats.isSymbolicLink() && (followLast || rest.length > 0)) {
      if (++links > maxLinks) return err({ kind: 'loop', at: next as GuestPath });
      const target = readlinkSync(step.host);
      rest.unshift(...components(target));
      if (target.startsWith('/')) at = '';
      found = look(layers, at);
      continue;
    }
    at = next;
    found = step;
  }
  if (found === undefined) return err({ kind: 'missing', at: '/' as GuestPath });
  return ok({ ...found, guest: (at || '/') as GuestPath });
}

/** The topmost layer that has it decides; a 0:0 character device there says that it is deleted. */
function look(layers: readonly HostPath[], path: string): Omit<ResolvedPath, 'guest'> | undefined {
  for (const layer of layers) {
    const host = `${layer}${path}` as HostPath;
    let stats: Stats | undefined;
    try {
      stats = lstatSync(host, { throwIfNoEntry: false });
    } catch {
      continue;
    }
    if (stats === undefined) continue;
    return stats.isCharacterDevice() && stats.rdev === 0 ? undefined : { host, stats };
  }
  return undefined;
}

const components = (path: string): string[] => path.split('/').filter((name) => name !== '' && name !== '.');
