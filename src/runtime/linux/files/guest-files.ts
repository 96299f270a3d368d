import { posix } from 'node:path';
import { type CopyEntry, type CopySink, type FirstName, firstNames, type LeftOut } from './entry.ts';
import type { FileStat } from './protocol.ts';
import { FileError, type FileService } from './service.ts';

const longestChain = 40;

/** Follows symbolic links in the last component, as the container would; a path that is not there stays as it is. */
export async function followLinks(files: FileService, path: string): Promise<string> {
  let at = path;
  for (let i = 0; i < longestChain; i++) {
    const found = await files.stat(at);
    if (found?.kind !== 'symlink') return at;
    at = posix.resolve(posix.dirname(at), await files.readlink(at));
  }
  return at;
}

export type GuestWalk = {
  readonly leftOut: LeftOut;
  /** Other filesystems (mounts) are left out but for the directory they are mounted on. */
  readonly oneFilesystem?: boolean;
};

/** A file, link or directory of a container with all below it. */
export async function* guestEntries(
  files: FileService,
  path: string,
  { leftOut, oneFilesystem }: GuestWalk,
): AsyncGenerator<CopyEntry> {
  const top = await files.stat(path);
  if (top === undefined) throw new FileError('ENOENT', path);
  const isForeign = ({ device }: FileStat): boolean => oneFilesystem === true && device !== top.device;
  const waiting = [''];
  const firstName = firstNames();
  for (let below = waiting.pop(); below !== undefined; below = waiting.pop()) {
    const at = placeOf(path, below);
    const found = await files.stat(at);
    // Gone since its directory was listed.
    if (found === undefined) continue;
    const entry = await guestEntry(files, at, { below, found, firstName });
    if (entry === undefined) leftOut(at, found.kind);
    else if (entry.kind === 'directory' || !isForeign(found)) yield entry;
    if (found.kind === 'directory' && !isForeign(found)) waiting.push(...(await namesIn(files, at, below)));
  }
}

const placeOf = (path: string, below: string): string => (below === '' ? path : posix.join(path, below));

/** In reverse, for a stack. */
const namesIn = async (files: FileService, at: string, below: string): Promise<readonly string[]> =>
  (await files.list(at)).map(({ name }) => (below === '' ? name : `${below}/${name}`)).reverse();

async function guestEntry(
  files: FileService,
  at: string,
  { below, found, firstName }: { readonly below: string; readonly found: FileStat; readonly firstName: FirstName },
): Promise<CopyEntry | undefined> {
  const { kind, mode, uid, gid, mtimeMs, size, device, inode, links } = found;
  const common = { path: below, mode, uid, gid, mtimeMs };
  if (kind === 'symlink') return { ...common, kind, text: await files.readlink(at) };
  if (kind === 'file') {
    const first = firstName({ id: `${device} ${inode}`, links, path: below });
    return first === undefined
      ? { ...common, kind, size, content: files.read(at) }
      : { ...common, kind: 'link', first };
  }
  return kind === 'directory' ? { ...common, kind } : undefined;
}

export type GuestSinkOptions = {
  /** Keep owners; otherwise what is new belongs to root. */
  readonly archive: boolean;
};

/** Into a container: by its own eyes, links end inside, and each file appears whole. */
export function guestSink(files: FileService, target: string, { archive }: GuestSinkOptions): CopySink {
  const directories: (() => Promise<void>)[] = [];
  return {
    put: async (entry) => {
      const at = entry.path === '' ? target : posix.join(target, entry.path);
      const owner = archive ? { uid: entry.uid, gid: entry.gid } : { uid: 0, gid: 0 };
      const attributes = { mode: entry.mode, mtimeMs: entry.mtimeMs, ...owner };
      if (entry.kind === 'symlink') return files.symlink(at, entry.text, attributes);
      if (entry.kind === 'file') return files.write(at, entry.content, attributes);
      if (entry.kind === 'link') return files.link(at, posix.join(target, entry.first));
      const there = await files.stat(at, { follow: true });
      if (there?.kind !== 'directory') await files.mkdir(at, { ...attributes, mode: attributes.mode | 0o700 });
      // What is put into it changes its time, and a mode may forbid it. The place a user named is not ours to change.
      if (there === undefined || entry.path !== '') directories.push(() => files.setAttributes(at, attributes));
    },
    finish: async () => {
      for (const settle of directories.reverse()) await settle();
    },
  };
}
