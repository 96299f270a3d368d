import { createHash } from 'node:crypto';
import {
  chmodSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type { HostPath } from '../../../model/units.ts';
import { invariant } from '../../../util/assert.ts';
import type { TreeEntry } from './host-tree.ts';
import type { Entries } from './layers.ts';
import type { Objects } from './objects.ts';
import { readJson, type Store, scratchPath, writeJson } from './store.ts';

/** One line a path, sorted: what the tree's key is made from, and what it is checked against after a crash. */
export type Manifest = readonly ManifestEntry[];

export type ManifestEntry =
  | readonly [path: string, kind: 'directory', mode: number, uid: number, gid: number]
  | readonly [path: string, kind: 'symlink', target: string]
  | readonly [path: string, kind: 'object', size: number, object: string]
  | readonly [path: string, kind: 'bytes', size: number, mode: number, sha256: string]
  /** Of a tarball: the key comes from the archive, so that the size is all that is needed here. */
  | readonly [path: string, kind: 'file', size: number];

export const treePath = (store: Store, key: string): HostPath => `${store.trees}/${key}` as HostPath;
const manifestPath = (store: Store, key: string): string => `${store.manifests}/${key}.json`;

/** Copies what the store does not have yet; then the tree is known by its contents alone. */
export async function describeTree(
  entries: Entries,
  objects: Objects,
): Promise<{ readonly key: string; readonly manifest: Manifest }> {
  const manifest: ManifestEntry[] = [];
  for (const path of [...entries.keys()].sort()) {
    const entry = entries.get(path);
    if (entry !== undefined) manifest.push(await describe(path, entry, objects));
  }
  const key = createHash('sha256').update(JSON.stringify(manifest)).digest('hex').slice(0, 40);
  return { key, manifest };
}

async function describe(path: string, entry: TreeEntry, objects: Objects): Promise<ManifestEntry> {
  switch (entry.kind) {
    case 'directory':
      return [path, 'directory', entry.mode, entry.uid, entry.gid];
    case 'symlink':
      return [path, 'symlink', entry.target];
    case 'file':
      return [path, 'object', entry.size, await objects.add(entry)];
    case 'bytes':
      return [path, 'bytes', entry.bytes.length, entry.mode, createHash('sha256').update(entry.bytes).digest('hex')];
  }
}

/** Builds the tree aside and renames it into place; one that is there and whole is left alone. */
export function publishHostTree(
  store: Store,
  options: {
    readonly key: string;
    readonly manifest: Manifest;
    readonly entries: Entries;
    readonly objects: Objects;
  },
): HostPath {
  const { key, manifest, entries, objects } = options;
  if (isWhole(store, key, manifest)) return treePath(store, key);
  const root = scratchPath(store);
  try {
    mkdirSync(root);
    chmodSync(root, 0o755);
    for (const line of manifest) place(root, line, entries.get(line[0]), objects);
    // Attributes of directories come last: a restrictive mode must not get in the way of what goes below.
    for (const [path, kind, mode, uid, gid] of manifest) {
      if (kind !== 'directory') continue;
      if (uid !== 0 || gid !== 0) lchownSync(root + path, uid as number, gid as number);
      chmodSync(root + path, mode as number);
    }
    return publish(store, { key, manifest, root });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function place(root: string, line: ManifestEntry, entry: TreeEntry | undefined, objects: Objects): void {
  const path = root + line[0];
  switch (line[1]) {
    case 'directory':
      mkdirSync(path, { mode: 0o700 });
      return;
    case 'symlink':
      symlinkSync(line[2], path);
      return;
    case 'object':
      objects.link(line[3], path);
      return;
    case 'bytes':
      invariant(entry?.kind === 'bytes', 'a manifest is made from the entries of its tree');
      writeFileSync(path, entry.bytes, { flag: 'wx' });
      chmodSync(path, entry.mode);
      return;
    case 'file':
      return;
  }
}

/** Renames a finished `root` into place. When somebody else was first, theirs stays if it is whole. */
export function publish(
  store: Store,
  { key, manifest, root }: { readonly key: string; readonly manifest: Manifest; readonly root: string },
): HostPath {
  writeJson(store, manifestPath(store, key), manifest);
  for (let attempt = 1; ; attempt++) {
    try {
      renameSync(root, treePath(store, key));
      return treePath(store, key);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if ((code !== 'ENOTEMPTY' && code !== 'EEXIST') || attempt === 3) throw cause;
      if (isWhole(store, key, manifest)) return treePath(store, key);
      discard(store, key);
    }
  }
}

/** Takes a tree out of the way at once; what cannot be removed now is swept later. */
export function discard(store: Store, key: string): void {
  const aside = scratchPath(store);
  try {
    renameSync(treePath(store, key), aside);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw cause;
  }
  rmSync(aside, { recursive: true, force: true });
}

/** Whether a tree is there with every file at its full size, as after a boot that followed a power cut it may not be. */
export function isWhole(store: Store, key: string, manifest = readManifest(store, key)): boolean {
  const root = treePath(store, key);
  if (manifest === undefined || lstatSync(root, { throwIfNoEntry: false }) === undefined) return false;
  return manifest.every((line) => isAsDescribed(root + line[0], line));
}

function isAsDescribed(path: string, line: ManifestEntry): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return false;
  switch (line[1]) {
    case 'directory':
      return stats.isDirectory();
    case 'symlink':
      return stats.isSymbolicLink() && readlinkSync(path) === line[2];
    default:
      return stats.isFile() && stats.size === line[2];
  }
}

/** undefined when there is none that makes sense. */
export function readManifest(store: Store, key: string): Manifest | undefined {
  const manifest = readJson(manifestPath(store, key));
  return Array.isArray(manifest) ? (manifest as Manifest) : undefined;
}
