import {
  chmodSync,
  constants,
  copyFileSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  type Stats,
  symlinkSync,
  utimesSync,
} from 'node:fs';

type Options = { readonly keepHardLinks: boolean };
type Copied = Map<string, string>;

/**
 * Copies directories that lie over each other (top first) into a new one, as an overlay would show them. Devices, FIFOs and
 * sockets are left out: Node cannot make them, and a volume has no use for them.
 */
export function copyMerged(sources: readonly string[], target: string, options: Options): void {
  copyDirectory(sources, target, { ...options, copied: new Map() });
}

function copyDirectory(
  sources: readonly string[],
  target: string,
  options: Options & { readonly copied: Copied },
): void {
  const layers = sources.filter((path) => statsOf(path)?.isDirectory() === true);
  const top = layers[0];
  if (top === undefined) return;
  mkdirSync(target, { mode: 0o700 });
  for (const name of new Set(layers.flatMap((layer) => readdirSync(layer)))) {
    const found = layers.map((layer) => `${layer}/${name}`).filter((path) => statsOf(path) !== undefined);
    const upper = found[0];
    const stats = upper === undefined ? undefined : statsOf(upper);
    if (upper === undefined || stats === undefined) continue;
    if (stats.isDirectory()) copyDirectory(untilHidden(found), `${target}/${name}`, options);
    else copyEntry({ path: upper, stats }, `${target}/${name}`, options);
  }
  setAttributes(target, lstatSync(top));
}

/** A directory is merged with those below it, down to the first thing that is none. */
function untilHidden(paths: readonly string[]): readonly string[] {
  const end = paths.findIndex((path) => statsOf(path)?.isDirectory() !== true);
  return end < 0 ? paths : paths.slice(0, end);
}

function copyEntry(
  { path, stats }: { readonly path: string; readonly stats: Stats },
  target: string,
  { keepHardLinks, copied }: Options & { readonly copied: Copied },
): void {
  if (stats.isSymbolicLink()) {
    symlinkSync(readlinkSync(path), target);
    lchownSync(target, stats.uid, stats.gid);
    lutimesSync(target, stats.atime, stats.mtime);
    return;
  }
  if (!stats.isFile()) return;
  const inode = `${stats.dev}:${stats.ino}`;
  const first = keepHardLinks && stats.nlink > 1 ? copied.get(inode) : undefined;
  if (first !== undefined) {
    linkSync(first, target);
    return;
  }
  copyFileSync(path, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  setAttributes(target, stats);
  copied.set(inode, target);
}

function setAttributes(path: string, { uid, gid, mode, atime, mtime }: Stats): void {
  lchownSync(path, uid, gid);
  chmodSync(path, mode & 0o7777);
  utimesSync(path, atime, mtime);
}

const statsOf = (path: string): Stats | undefined => {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats?.isCharacterDevice() === true && stats.rdev === 0 ? undefined : stats;
};
