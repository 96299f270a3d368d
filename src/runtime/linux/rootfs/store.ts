import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { HostPath } from '../../../model/units.ts';

/**
 * The store of root filesystems:
 *
 *     objects/SHA256-MODE-UID-GID-MTIME   one file, by what is in it and what it looks like; trees are hard links to these
 *     trees/KEY/                            a whole root filesystem, the lower directory of overlays; never written again
 *     manifests/KEY.json                    what is in the tree: whether it has survived a power cut is checked against it
 *     sources/NAME.json                     which tree a source has led to, and what it was made from
 *     hashes.json                           contents of host files by path, inode, size and time
 *     tmp/PID-START-…                       half-built; swept as soon as its builder is dead
 *
 * Everything appears by rename, so that builders may run side by side, and a killed one leaves nothing but its tmp. The
 * directory is root's alone: images bring set-user-ID programs with them.
 */
export type Store = {
  readonly objects: string;
  readonly trees: string;
  readonly manifests: string;
  readonly sources: string;
  readonly hashes: string;
  readonly tmp: string;
};

export function openStore(directory: HostPath): Store {
  const store: Store = {
    objects: `${directory}/objects`,
    trees: `${directory}/trees`,
    manifests: `${directory}/manifests`,
    sources: `${directory}/sources`,
    hashes: `${directory}/hashes.json`,
    tmp: `${directory}/tmp`,
  };
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const path of [store.objects, store.trees, store.manifests, store.sources, store.tmp]) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  }
  return store;
}

/** A path in tmp that nobody else uses; what is put there is swept when this process is gone. */
export function scratchPath(store: Store): string {
  prefix ??= `${process.pid}-${startTimeOf(process.pid) ?? 0}-${randomBytes(6).toString('hex')}`;
  return `${store.tmp}/${prefix}-${++scratchCount}`;
}

let prefix: string | undefined;
let scratchCount = 0;

/** Removes what builders that are no longer alive have left. */
export function sweep(store: Store): void {
  for (const name of readdirSync(store.tmp)) {
    const [, pid, start] = /^(\d+)-(\d+)-/.exec(name) ?? [];
    if (pid !== undefined && startTimeOf(Number(pid)) === Number(start)) continue;
    rmSync(`${store.tmp}/${name}`, { recursive: true, force: true });
  }
}

/** proc(5) stat field 22: with the pid it names a process for good; undefined when there is none. */
function startTimeOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field, the name, may contain anything, closing parentheses too.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    return undefined;
  }
}

/** undefined when there is none, or what there is makes no sense. */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

export function writeJson(store: Store, path: string, value: unknown): void {
  const temporary = scratchPath(store);
  writeFileSync(temporary, JSON.stringify(value), { mode: 0o600 });
  renameSync(temporary, path);
}

let bootId: string | undefined;

/** Changes with every boot of the machine. */
export function currentBootId(): string {
  bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return bootId;
}
