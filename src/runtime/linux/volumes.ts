import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import type { RuntimeFailure } from '../../model/event.ts';
import type { GuestPath, HostPath } from '../../model/units.ts';
import { err, ok, type Result } from '../../util/result.ts';
import { errnoOf } from './rootfs/elf-file.ts';
import { resolveInRoot } from './rootfs/resolve-in-root.ts';
import { copyMerged } from './volume-copy.ts';

/**
 * Volumes live in one directory, each as
 *
 *     NAME/volume.json   whose it is
 *     NAME/_data/        what is mounted
 *     NAME/_fill/        a copy of what the root filesystem has there, until it has been moved to _data
 */
export type VolumeRecord = {
  readonly version: 1;
  readonly name: string;
  readonly project: string;
  /** Key under top-level `volumes:`; absent for an anonymous volume. */
  readonly key?: string;
  /** The container that an anonymous volume belongs to. */
  readonly container?: string;
  readonly labels: { readonly [name: string]: string };
  /** Milliseconds since the epoch. */
  readonly createdAtMs: number;
  /** `_fill` is complete and on its way to `_data`. */
  readonly filling?: true;
};

type NewVolume = Pick<VolumeRecord, 'name' | 'project' | 'key' | 'container' | 'labels'>;

const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/;

/** Its name lasts as long as container and target do, so that the next container of that name finds it again. */
export const anonymousVolumeName = (project: string, container: string, target: GuestPath): string =>
  `${container}-${createHash('sha256').update(`${project}\0${target}`).digest('hex').slice(0, 12)}`;

export const volumeData = (base: HostPath, name: string): HostPath => `${base}/${name}/_data` as HostPath;
const recordPath = (base: HostPath, name: string): string => `${base}/${name}/volume.json`;

/** undefined when there is no such volume. */
export function readVolume(base: HostPath, name: string): VolumeRecord | undefined {
  if (!namePattern.test(name)) return undefined;
  try {
    return JSON.parse(readFileSync(recordPath(base, name), 'utf8')) as VolumeRecord;
  } catch {
    return undefined;
  }
}

/** All volumes of a project, by name. */
export function listVolumes(base: HostPath, project: string): readonly VolumeRecord[] {
  return readNames(base)
    .sort()
    .flatMap((name) => readVolume(base, name) ?? [])
    .filter((volume) => volume.project === project);
}

/** Makes a volume; one that the project has already stays as it is. The value is the directory to mount. */
export function createVolume(base: HostPath, volume: NewVolume): Result<HostPath, RuntimeFailure> {
  const { name, project } = volume;
  if (!namePattern.test(name))
    return refuse(`cannot create the volume "${name}"`, `a name matches ${namePattern.source}`);
  const present = readVolume(base, name);
  if (present !== undefined && present.project !== project) {
    return refuse(
      `cannot create the volume ${name}: it belongs to the project ${present.project}`,
      'to share it, say "external: true"; otherwise give it another name',
    );
  }
  if (present !== undefined) return ok(volumeData(base, name));

  const aside = `${base}/.new-${randomBytes(8).toString('hex')}`;
  try {
    mkdirSync(base, { recursive: true, mode: 0o700 });
    mkdirSync(`${aside}/_data`, { recursive: true, mode: 0o755 });
    const record: VolumeRecord = { version: 1, ...volume, createdAtMs: Date.now() };
    writeFileSync(`${aside}/volume.json`, JSON.stringify(record), { mode: 0o600 });
    chmodSync(`${aside}/_data`, 0o755);
    chmodSync(aside, 0o700);
    // What is there without a record is half removed: nobody has it any more.
    removeVolume(base, name);
    renameSync(aside, `${base}/${name}`);
    return ok(volumeData(base, name));
  } catch (cause) {
    rmSync(aside, { recursive: true, force: true });
    return refuse(`cannot create the volume ${name}: ${errnoOf(cause)}`);
  }
}

/** Removes a volume with all that is in it; none of that name is fine. No container may use it any more. */
export function removeVolume(base: HostPath, name: string): Result<void, RuntimeFailure> {
  if (!namePattern.test(name)) return ok(undefined);
  const aside = `${base}/.old-${randomBytes(8).toString('hex')}`;
  try {
    renameSync(`${base}/${name}`, aside);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return ok(undefined);
    return refuse(`cannot remove the volume ${name}: ${errnoOf(cause)}`);
  }
  rmSync(aside, { recursive: true, force: true });
  return ok(undefined);
}

/** Removes what killed commands have left half-made or half-removed. Only under a lock that keeps others out. */
export function sweepVolumes(base: HostPath): void {
  for (const name of readNames(base)) {
    if (/^\.(new|old)-/.test(name)) rmSync(`${base}/${name}`, { recursive: true, force: true });
  }
}

/**
 * Fills an empty volume with what the root filesystem (its layers, top first) has at `target`: contents, owners, modes,
 * times and links. A volume that has something is left alone. Can be repeated after having been killed at any point.
 */
export function fillVolume(
  base: HostPath,
  name: string,
  options: {
    readonly layers: readonly HostPath[];
    readonly target: GuestPath;
    /** Not where equal files are one inode only to save space, as in a root filesystem made from host programs. */
    readonly keepHardLinks: boolean;
  },
): Result<void, RuntimeFailure> {
  const { layers, target, keepHardLinks } = options;
  const record = readVolume(base, name);
  if (record === undefined) return refuse(`cannot fill the volume ${name}: there is none of that name`);
  const data = volumeData(base, name);
  const aside = `${base}/${name}/_fill`;
  try {
    if (record.filling !== true) {
      if (readdirSync(data).length > 0) return ok(undefined);
      rmSync(aside, { recursive: true, force: true });
      const source = resolveInRoot(layers, target);
      if (!source.ok) return ok(undefined);
      if (!source.value.stats.isDirectory()) {
        return refuse(`cannot mount the volume ${name} on ${target}: the root filesystem has a file there`);
      }
      const sources = layers.map((layer) => `${layer}${source.value.guest}`);
      copyMerged(sources, aside, { keepHardLinks });
      writeRecord(base, { ...record, filling: true });
    }
    moveContents(aside, data);
    const { filling: _, ...finished } = record;
    writeRecord(base, finished);
    return ok(undefined);
  } catch (cause) {
    return refuse(`cannot fill the volume ${name} with what is at ${target}: ${errnoOf(cause)}`);
  }
}

/** Entry by entry, since `_data` itself may be mounted in another container already. */
function moveContents(from: string, to: string): void {
  const stats = lstatSync(from, { throwIfNoEntry: false });
  if (stats === undefined) return;
  for (const name of readdirSync(from)) renameSync(`${from}/${name}`, `${to}/${name}`);
  lchownSync(to, stats.uid, stats.gid);
  chmodSync(to, stats.mode & 0o7777);
  rmdirSync(from);
}

function writeRecord(base: HostPath, record: VolumeRecord): void {
  const path = recordPath(base, record.name);
  writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/**
 * The directory or file below a volume that is to be mounted. Containers write to volumes, so that no link on the way is
 * followed at all.
 */
export function volumeSubpath(base: HostPath, name: string, subpath: string): Result<HostPath, RuntimeFailure> {
  let path = volumeData(base, name) as string;
  for (const component of subpath.split('/').filter((part) => part !== '' && part !== '.')) {
    if (component === '..') return refuse(`cannot mount ${subpath} of the volume ${name}: it leads out of the volume`);
    path += `/${component}`;
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined) {
      return refuse(
        `cannot mount ${subpath} of the volume ${name}: it does not exist`,
        'create it in the volume first',
      );
    }
    if (stats.isSymbolicLink()) {
      return refuse(`cannot mount ${subpath} of the volume ${name}: a symbolic link is on the way`);
    }
  }
  return ok(path as HostPath);
}

/** Why a mount cannot be had: what is in the volume would not be what the file says. */
export const notMountedHere = (volume: string, elsewhere: string): RuntimeFailure => ({
  code: 'volume-failed',
  message: `cannot mount the volume ${volume}: ${elsewhere} is not of a kind that is mounted`,
  notes: ['mount it on the host, and write driver_opts: { type: none, o: bind, device: /path/of/it }'],
});

function readNames(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

const refuse = (message: string, ...notes: readonly string[]): Result<never, RuntimeFailure> =>
  err({ code: 'volume-failed', message, notes });
