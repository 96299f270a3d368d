import { posix } from 'node:path';
import type { ContainerConfig, Mount } from '../../../model/project.ts';
import type { HostPath } from '../../../model/units.ts';
import { containerPath } from '../rootfs/host-userspace.ts';
import { pathDirectories } from '../rootfs/programs.ts';
import { resolveInRoot } from '../rootfs/resolve-in-root.ts';
import { statOf } from './stat.ts';

/** What a container will see at a path. `unknown`: something is mounted there whose contents are not known yet. */
export type Seen =
  | { readonly kind: 'there'; readonly host: HostPath; readonly mode: number; readonly isFile: boolean }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unknown' };

export type Guest = { readonly layers: readonly HostPath[]; readonly mounts: readonly Mount[] };

/** Docker's PATH unless the service has its own. */
export const searchPath = ({ environment }: ContainerConfig): readonly string[] =>
  environment['PATH'] === undefined ? containerPath : pathDirectories(environment['PATH']);

export function seenAt({ layers, mounts }: Guest, path: string): Seen {
  const covering = mountOver(mounts, path);
  if (covering !== undefined) return seenInMount(covering, path);
  const resolved = resolveInRoot(layers, path);
  if (resolved.ok) {
    const { host, guest, stats } = resolved.value;
    // A link may lead below a mount.
    const behind = mountOver(mounts, guest);
    if (behind !== undefined) return seenInMount(behind, guest);
    return { kind: 'there', host, mode: stats.mode, isFile: stats.isFile() };
  }
  return mountOver(mounts, resolved.error.at) === undefined ? { kind: 'missing' } : { kind: 'unknown' };
}

/** The innermost one: later mounts lie over earlier ones. */
function mountOver(mounts: readonly Mount[], path: string): Mount | undefined {
  const at = posix.normalize(path);
  return mounts
    .filter(({ target }) => at === target || at.startsWith(target === '/' ? '/' : `${target}/`))
    .reduce<Mount | undefined>(
      (best, mount) => (best && best.target.length > mount.target.length ? best : mount),
      undefined,
    );
}

function seenInMount(mount: Mount, path: string): Seen {
  if (mount.kind === 'file') {
    return path === mount.target ? { kind: 'unknown' } : { kind: 'missing' };
  }
  if (mount.kind !== 'bind') return { kind: 'unknown' };
  const below = posix.normalize(path).slice(mount.target.length);
  const source = statOf(mount.source);
  if (source === undefined) return { kind: 'unknown' };
  if (below === '') return { kind: 'there', host: mount.source, mode: source.mode, isFile: source.isFile() };
  const resolved = resolveInRoot([mount.source], below, { followLast: false });
  if (!resolved.ok) return { kind: 'missing' };
  const { host, stats } = resolved.value;
  // Absolute links in it lead into the container's root, not into the source.
  if (stats.isSymbolicLink()) return { kind: 'unknown' };
  return { kind: 'there', host, mode: stats.mode, isFile: stats.isFile() };
}
