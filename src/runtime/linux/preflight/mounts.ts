import { type Stats, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Mount } from '../../../model/project.ts';
import type { DesiredContainer } from '../../../model/state.ts';
import { closest } from '../../../util/text.ts';
import { errnoOf } from '../rootfs/elf-file.ts';
import { listNames } from '../rootfs/glob.ts';
import { resolveInRoot } from '../rootfs/resolve-in-root.ts';
import { notMountedHere } from '../volumes.ts';
import type { Guest } from './guest.ts';
import type { Report } from './report.ts';
import { statOf } from './stat.ts';

type Bind = Extract<Mount, { kind: 'bind' }>;
type Kind = 'directory' | 'file';

/** `guest` is absent when the root filesystem is not known. */
export function checkMounts(
  container: DesiredContainer,
  { report, guest }: { readonly report: Report; readonly guest: Guest | undefined },
): void {
  for (const [index, mount] of container.config.mounts.entries()) {
    const at = `mounts.${index}`;
    if (mount.kind === 'bind') checkBind(container, { mount, at, report, guest });
    if (mount.kind === 'volume' && mount.elsewhere !== undefined) {
      const { message, notes } = notMountedHere(mount.volume ?? '', mount.elsewhere);
      report.add(container, { code: 'not-honoured', at, summary: message, notes });
    }
  }
}

type BindCheck = {
  readonly mount: Bind;
  readonly at: string;
  readonly report: Report;
  readonly guest: Guest | undefined;
};

function checkBind(container: DesiredContainer, { mount, at, report, guest }: BindCheck): void {
  const { source, target } = mount;
  const covered = guest === undefined ? undefined : kindInRootfs(guest, mount);
  let stats: Stats | undefined;
  try {
    stats = statSync(source, { throwIfNoEntry: false });
  } catch (cause) {
    // Below a file there is nothing either.
    if (errnoOf(cause) !== 'ENOTDIR') {
      report.add(container, {
        code: 'bind-missing',
        at,
        summary: `cannot mount ${source}: ${errnoOf(cause)}`,
        notes: ['correct the path: ls -ld says what is in its way'],
      });
      return;
    }
  }
  if (stats !== undefined) {
    const kind = stats.isDirectory() ? 'directory' : 'file';
    if (covered !== undefined && covered !== kind) {
      report.add(container, {
        code: 'bind-invalid',
        at,
        summary: `cannot mount ${source} on ${target}: one is a ${kind}, the other a ${covered}`,
        notes: [kind === 'file' ? `mount it on ${target}/${basename(source)}` : 'name a file as the source'],
      });
    }
    return;
  }
  // A directory would be made for a missing source, where a file is wanted.
  if (mount.createHostPath && covered !== 'file') {
    checkParent(container, { mount, at, report, guest });
    return;
  }
  const similar = closest(basename(source), listNames(dirname(source)));
  report.add(container, {
    code: 'bind-missing',
    at,
    summary: `cannot mount ${source} on ${target}: it does not exist on the host`,
    notes: [
      similar === undefined ? 'create it, or use a named volume' : `did you mean "${similar}"?`,
      ...(covered === 'file'
        ? [`${target} is a file in the root filesystem, so that no directory is made for it`]
        : []),
    ],
  });
}

/** The directories that are missing can only be made in a directory. */
function checkParent(container: DesiredContainer, { mount, at, report }: BindCheck): void {
  for (let path = dirname(mount.source); ; path = dirname(path)) {
    const stats = statOf(path);
    if (stats === undefined && path !== '/') continue;
    if (stats?.isDirectory() === true) return;
    report.add(container, {
      code: 'bind-invalid',
      at,
      summary: `cannot mount ${mount.source}: ${path} is not a directory`,
      notes: ['correct the path'],
    });
    return;
  }
}

/** Of what the mount will cover; undefined when there is nothing, or another mount. */
function kindInRootfs({ layers, mounts }: Guest, { target }: Bind): Kind | undefined {
  const isOnMount = mounts.some((other) => other.target !== target && target.startsWith(`${other.target}/`));
  if (isOnMount) return undefined;
  const resolved = resolveInRoot(layers, target);
  if (!resolved.ok) return undefined;
  return resolved.value.stats.isDirectory() ? 'directory' : 'file';
}
