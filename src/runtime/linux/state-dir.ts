import { closeSync, mkdirSync, openSync, readdirSync, readSync, renameSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ContainerConfig, Dependency } from '../../model/project.ts';
import type { OneOff } from '../../model/state.ts';
import type { ContainerName, HostPath, ServiceName } from '../../model/units.ts';
import { isAbsent, textIfThere } from './absent.ts';
import type { CgroupLayout } from './cgroup/layout.ts';
import { otherRecord, otherState } from './other-version.ts';
import { size } from './protocol.ts';
import {
  decodeExit,
  decodeNotified,
  decodeStateFile,
  type ExitRecord,
  type Notified,
  type ShimState,
} from './records.ts';
import type { ResolvedUser } from './sandbox/facts.ts';

/** record.json: what a container is, for as long as it exists. Written before anything of it is made. */
export type ContainerRecord = {
  readonly version: 1;
  /** Never written: it is the record of another version, of which only the head was understood. */
  readonly otherVersion?: number;
  readonly name: ContainerName;
  readonly service: ServiceName;
  readonly number: number;
  readonly config: ContainerConfig;
  readonly fingerprintVersion: number;
  readonly dependsOn: readonly Dependency[];
  readonly createdAtMs: number;
  /** The boot under which its monitor was last made. */
  readonly bootId: string;
  readonly lowers: readonly HostPath[];
  readonly user: ResolvedUser;
  /** Where each `volume` mount lies on the host, by its index in `config.mounts`. */
  readonly volumes: readonly (readonly [number, string])[];
  /** Names of the anonymous volumes that belong to it, by the index of their mount. */
  readonly anonymous: readonly (readonly [number, string])[];
  readonly cgroups: CgroupLayout;
  readonly stoppedByUser: boolean;
  readonly restarts: number;
  /** No replica: it runs one command, for a hook or for the user. */
  readonly oneOff?: 'hook' | OneOffRecord;
};

export type OneOffRecord = OneOff & {
  /** Who is attached: pid, start time (proc(5), field 22) and boot name one process for ever. */
  readonly owner: { readonly pid: number; readonly start: string; readonly bootId: string };
};

/**
 * Undefined when there is none, or none that can be understood: a command killed in the middle leaves such folders. Throws
 * when it cannot be read.
 */
export function readRecord(path: string): ContainerRecord | undefined {
  const text = textIfThere(path);
  if (text === undefined) return undefined;
  try {
    const record = JSON.parse(text) as ContainerRecord;
    if (record.version === 1) return record.config === undefined ? undefined : record;
    return otherRecord(record);
  } catch {
    return undefined;
  }
}

/** Readers see the old text or the new one, never half of it. */
export function writeFileAtomic(path: string, text: string, options: { readonly mode: number }): void {
  const temporary = `${path}.new`;
  writeFileSync(temporary, text, { mode: options.mode });
  renameSync(temporary, path);
}

export function writeRecord(path: string, record: ContainerRecord): void {
  writeFileAtomic(path, JSON.stringify(record), { mode: 0o600 });
}

/** Names of the folders in a directory; none when it does not exist. Throws when it cannot be read, which is not none. */
export function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (cause) {
    if (isAbsent(cause)) return [];
    throw cause;
  }
}

/** Of this boot or of an earlier one: its `bootId` tells which. */
export function readState(path: string): ShimState | undefined {
  const bytes = readBytes(path);
  if (bytes === undefined) return undefined;
  return decodeStateFile(bytes) ?? otherState(readBytes(path, mostBytes) ?? bytes);
}

/** How the command ended, as the tiny init wrote it down: the last witness when the monitor is gone. */
export function readExit(stateDir: string): ExitRecord | undefined {
  const bytes = readBytes(`${stateDir}/exit`);
  return bytes === undefined ? undefined : decodeExit(bytes);
}

/** What the container has said of itself; undefined when nobody listens to it. */
export function readNotified(stateDir: string): Notified | undefined {
  const bytes = readBytes(`${stateDir}/notified`);
  return bytes === undefined ? undefined : decodeNotified(bytes);
}

/** States and exit records are fixed and small: one read, without asking for the size, which for many containers shows. */
function readBytes(path: string, most = recordBytes): Buffer | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (cause) {
    if (isAbsent(cause)) return undefined;
    throw cause;
  }
  try {
    const bytes = Buffer.allocUnsafe(most);
    return bytes.subarray(0, readSync(fd, bytes, 0, most, 0));
  } finally {
    closeSync(fd);
  }
}

const recordBytes = 2 * size.state;
/** No version's state will be larger. */
const mostBytes = 65_536;

/** 0711: others may pass through to what is theirs, but not list it. */
export function makeDirectory(path: string, mode = 0o711): void {
  try {
    mkdirSync(path, { mode });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT') throw cause;
    // Not by `recursive` alone: what keeps a parent from being made would be told as a path that does not exist.
    makeDirectory(dirname(path), mode);
    mkdirSync(path, { recursive: true, mode });
  }
}

/** Takes an empty directory away; true when it is gone. */
export function removeIfEmpty(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'ENOENT';
  }
}
