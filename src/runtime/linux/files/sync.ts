import { createReadStream, lstatSync, readlinkSync, type Stats } from 'node:fs';
import { posix } from 'node:path';
import type { FileService } from './service.ts';

/** One path of the host and where it belongs in the container. What the host has now decides what is done. */
export type SyncPath = { readonly source: string; readonly target: string };

/**
 * Makes each target what its source is now: a file, a directory (itself, not what is in it), a symbolic link as it reads,
 * or nothing. Contents and mode come from the host; an owner that is there stays, and what is new belongs to whoever owns
 * the directory it is put in, since host and container rarely agree on users.
 */
export async function syncPaths(files: FileService, paths: readonly SyncPath[]): Promise<void> {
  const owners = new Map<string, Owner>();
  for (const path of parentsFirst(paths)) await syncPath(files, path, owners);
}

type Owner = { readonly uid: number; readonly gid: number };

async function syncPath(files: FileService, { source, target }: SyncPath, owners: Map<string, Owner>): Promise<void> {
  const found = lstatSync(source, { throwIfNoEntry: false });
  if (found === undefined) return files.remove(target);
  const attributes = {
    mode: found.mode & 0o7777,
    mtimeMs: found.mtimeMs,
    parents: true,
    ...(await ownerFor(files, posix.dirname(target), owners)),
  };
  if (found.isSymbolicLink()) return files.symlink(target, readlinkSync(source), attributes);
  if (found.isFile()) return writeFile(files, source, { target, found, attributes });
  if (!found.isDirectory()) return;
  const there = await files.stat(target);
  if (there !== undefined && there.kind !== 'directory') await files.remove(target);
  await files.mkdir(target, attributes);
}

type Write = {
  readonly target: string;
  readonly found: Stats;
  readonly attributes: Owner & { readonly mode: number; readonly mtimeMs: number; readonly parents: boolean };
};

async function writeFile(files: FileService, source: string, { target, found, attributes }: Write): Promise<void> {
  const there = await files.stat(target);
  if (there?.kind === 'directory') await files.remove(target);
  const content = found.size === 0 ? empty() : createReadStream(source, { highWaterMark: 1 << 16 });
  await files.write(target, content, { ...attributes, keepOwner: true });
}

async function* empty(): AsyncGenerator<Uint8Array> {}

async function ownerFor(files: FileService, directory: string, known: Map<string, Owner>): Promise<Owner> {
  const before = known.get(directory);
  if (before !== undefined) return before;
  const there = await files.stat(directory, { follow: true });
  const owner =
    there !== undefined
      ? { uid: there.uid, gid: there.gid }
      : directory === '/'
        ? { uid: 0, gid: 0 }
        : await ownerFor(files, posix.dirname(directory), known);
  known.set(directory, owner);
  return owner;
}

/** A directory before what is put into it; removals keep their place, since a name that is gone is gone with all below. */
function parentsFirst(paths: readonly SyncPath[]): readonly SyncPath[] {
  return [...paths].sort((left, right) => (left.target < right.target ? -1 : left.target > right.target ? 1 : 0));
}
