import { createReadStream, readFileSync, readlinkSync, type Stats } from 'node:fs';
import { posix } from 'node:path';
import { statOf } from './host-stat.ts';
import { FileError, type FileService } from './service.ts';

/** One path of the host and where it belongs in the container. What the host has now decides what is done. */
export type SyncPath = { readonly source: string; readonly target: string };

/**
 * Makes each target what its source is now: a file, a directory (itself, not what is in it), a symbolic link as it reads,
 * or nothing. Contents and mode come from the host; an owner that is there stays, and what is new belongs to whoever owns
 * the directory it is put in, since host and container rarely agree on users. What cannot be brought keeps nothing else
 * from being brought; the first `FileError` is thrown at the end.
 */
export async function syncPaths(files: FileService, paths: readonly SyncPath[]): Promise<void> {
  const owners = new Map<string, Owner>();
  const lane = new Lane();
  // Requests are performed in order: a directory is there before what is put into it, without waiting for the answer.
  for (const path of parentsFirst(paths)) {
    const found = statOf(path.source);
    if (found === undefined) await lane.add(files.remove(path.target));
    else {
      const owner = await ownerFor(files, posix.dirname(path.target), owners);
      const entry = { ...path, found, attributes: { ...attributesOf(found), ...owner } };
      if (found.isDirectory()) await lane.alone(() => makeDirectory(files, entry));
      else if (found.isSymbolicLink()) await lane.add(makeLink(files, entry));
      else if (found.isFile() && found.size > wholeBytes) await lane.alone(() => writeLarge(files, entry));
      else if (found.isFile()) await lane.add(writeSmall(files, entry));
    }
  }
  await lane.end();
}

/** Files up to this size are read and sent in one go. */
const wholeBytes = 1 << 20;
/** So much is on its way at a time. */
const laneLength = 128;

/** Requests whose answers are waited for together. */
class Lane {
  #under: Promise<void>[] = [];
  #failure: unknown;

  async add(work: Promise<void>): Promise<void> {
    this.#under.push(work.catch((error: unknown) => this.#keep(error)));
    if (this.#under.length >= laneLength) await this.#settle();
  }

  /** For what takes several requests that nobody else's may come between. */
  async alone(work: () => Promise<void>): Promise<void> {
    await this.#settle();
    await work().catch((error: unknown) => this.#keep(error));
  }

  async end(): Promise<void> {
    await this.#settle();
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #settle(): Promise<void> {
    const under = this.#under;
    this.#under = [];
    await Promise.all(under);
  }

  #keep(error: unknown): void {
    this.#failure ??= error;
  }
}

/** Those of the paths whose target is not what its source is: by kind, size, time of change and mode, like rsync. */
export async function differingPaths(files: FileService, paths: readonly SyncPath[]): Promise<readonly SyncPath[]> {
  const differing: SyncPath[] = [];
  // Many questions at a time, because each answer is a way there and back; not all, because answers take memory.
  for (let at = 0; at < paths.length; at += 256) {
    const some = paths.slice(at, at + 256);
    const differs = await Promise.all(some.map((path) => isDifferent(files, path)));
    differing.push(...some.filter((_, i) => differs[i]));
  }
  return differing;
}

async function isDifferent(files: FileService, { source, target }: SyncPath): Promise<boolean> {
  const there = await files.stat(target);
  const found = statOf(source);
  if (found === undefined) return there !== undefined;
  if (found.isSymbolicLink()) {
    return there?.kind !== 'symlink' || (await files.readlink(target)) !== readlinkSync(source);
  }
  if (there === undefined || (found.mode & 0o7777) !== there.mode) return true;
  if (found.isDirectory()) return there.kind !== 'directory';
  // A double has not the room for nanoseconds since 1970.
  return there.kind !== 'file' || there.size !== found.size || Math.abs(there.mtimeMs - found.mtimeMs) > 0.01;
}

type Owner = { readonly uid: number; readonly gid: number };

type Entry = SyncPath & {
  readonly found: Stats;
  readonly attributes: Owner & ReturnType<typeof attributesOf>;
};

const attributesOf = ({ mode, mtimeMs }: Stats) => ({ mode: mode & 0o7777, mtimeMs, parents: true });

async function makeDirectory(files: FileService, { target, attributes }: Entry): Promise<void> {
  const there = await files.stat(target);
  if (there !== undefined && there.kind !== 'directory') await files.remove(target);
  await files.mkdir(target, attributes);
  // One that was there already has kept its mode and its owner, and only its mode is ours to change.
  if (there?.kind === 'directory' && there.mode !== attributes.mode) {
    await files.setAttributes(target, { mode: attributes.mode, uid: there.uid, gid: there.gid });
  }
}

const makeLink = (files: FileService, { source, target, attributes }: Entry): Promise<void> =>
  instead(files, target, () => files.symlink(target, readlinkSync(source), attributes));

async function writeSmall(files: FileService, { source, target, attributes }: Entry): Promise<void> {
  let content: Buffer;
  try {
    content = readFileSync(source);
  } catch (error) {
    // It has gone since; its end is the next change.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  await instead(files, target, () => files.writeWhole(target, content, { ...attributes, keepOwner: true }));
}

const writeLarge = (files: FileService, { source, target, attributes }: Entry): Promise<void> =>
  instead(files, target, () =>
    files.write(target, createReadStream(source, { highWaterMark: 1 << 16 }), { ...attributes, keepOwner: true }),
  );

/** Does it again without the directory that is in the way. */
async function instead(files: FileService, target: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof FileError) || error.code !== 'EISDIR') throw error;
    await files.remove(target);
    await work();
  }
}

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
