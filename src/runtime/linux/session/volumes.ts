import { mkdirSync } from 'node:fs';
import type { RuntimeFailure } from '../../../model/event.ts';
import type { ActionOf } from '../../../model/plan.ts';
import type { ContainerConfig, Mount } from '../../../model/project.ts';
import type { ContainerName, HostPath } from '../../../model/units.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import type { ContainerRecord } from '../state-dir.ts';
import {
  anonymousVolumeName,
  createVolume,
  fillVolume,
  notMountedHere,
  readVolume,
  removeVolume,
  volumeData,
  volumeSubpath,
} from '../volumes.ts';
import type { SessionContext } from './context.ts';

type Done = Result<void, RuntimeFailure>;

export function makeVolume({ paths, project }: SessionContext, { volume }: ActionOf<'create-volume'>): Done {
  const { name, key, labels } = volume;
  const made = createVolume(paths.volumes, { name, key, labels, project });
  return made.ok ? ok(undefined) : made;
}

export const dropVolume = ({ paths }: SessionContext, { name }: ActionOf<'remove-volume'>): Done =>
  removeVolume(paths.volumes, name);

export type MountedVolumes = Pick<ContainerRecord, 'volumes' | 'anonymous'>;

type Wanted = {
  readonly config: ContainerConfig;
  readonly name: ContainerName;
  readonly lowers: readonly HostPath[];
  /** The container it replaces under another name: its anonymous volumes are taken over. */
  readonly former?: ContainerRecord | undefined;
};

/** The host directory of every volume of a container; anonymous ones are made, empty ones filled. */
export function mountedVolumes(context: SessionContext, wanted: Wanted): Result<MountedVolumes, RuntimeFailure> {
  const volumes: [number, string][] = [];
  const anonymous: [number, string][] = [];
  for (const [i, mount] of wanted.config.mounts.entries()) {
    if (mount.kind !== 'volume') continue;
    const name = mount.volume ?? anonymousName(context, wanted, mount);
    const directory = mountedVolume(context, wanted, { mount, name });
    if (!directory.ok) return err({ ...directory.error, configPath: `mounts.${i}` });
    volumes.push([i, directory.value]);
    if (mount.volume === undefined) anonymous.push([i, name]);
  }
  return ok({ volumes, anonymous });
}

type VolumeMount = Extract<Mount, { kind: 'volume' }>;

function anonymousName({ project }: SessionContext, { name, former }: Wanted, { target }: VolumeMount): string {
  const inherited = former?.anonymous.find(([index]) => former.config.mounts[index]?.target === target);
  return inherited?.[1] ?? anonymousVolumeName(project, name, target);
}

function mountedVolume(
  { paths, project }: SessionContext,
  { config, lowers, name: container }: Wanted,
  { mount, name }: { readonly mount: VolumeMount; readonly name: string },
): Result<string, RuntimeFailure> {
  const base = paths.volumes;
  if (mount.elsewhere !== undefined) return err(notMountedHere(name, mount.elsewhere));
  if (mount.volume === undefined) {
    const made = createVolume(base, { name, project, container, labels: {} });
    if (!made.ok) return made;
  } else if (readVolume(base, name) === undefined) {
    return err({
      code: 'volume-failed',
      message: `cannot mount the volume ${name}: it does not exist`,
      notes: ['an external volume must be made first, by the project that owns it'],
    });
  }
  if (!mount.noCopy && mount.subpath === undefined) {
    const keepHardLinks = config.rootfs.kind !== 'host';
    const filled = fillVolume(base, name, { layers: lowers, target: mount.target, keepHardLinks });
    if (!filled.ok) return filled;
  }
  return mount.subpath === undefined ? ok(volumeData(base, name)) : volumeSubpath(base, name, mount.subpath);
}

/** Compose's short form of a bind makes its source when that is missing; ours to make, theirs to keep. */
export function makeBindSources(config: ContainerConfig): Done {
  for (const [i, mount] of config.mounts.entries()) {
    if (mount.kind !== 'bind' || !mount.createHostPath) continue;
    try {
      mkdirSync(mount.source, { recursive: true, mode: 0o755 });
    } catch (cause) {
      // A file is a fine source too.
      if ((cause as NodeJS.ErrnoException).code === 'EEXIST') continue;
      const message = `cannot make ${mount.source}: ${(cause as Error).message}`;
      return err({ code: 'io', message, configPath: `mounts.${i}`, notes: ['make it, or correct the path'] });
    }
  }
  return ok(undefined);
}
