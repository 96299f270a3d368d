import { lstatSync, readdirSync, rmSync, statSync } from 'node:fs';
import type { HostPath } from '../../../model/units.ts';
import { listRecords } from './sources.ts';
import { openStore, readJson, type Store, sweep, writeJson } from './store.ts';
import { discard, readManifest, treePath } from './trees.ts';

export type StoredTree = {
  /** A lower directory, as `prepareRootfs` gives it. */
  readonly path: HostPath;
  /** Of its files; what other trees share with it counts too. */
  readonly bytes: number;
  /** Milliseconds since the epoch: when a service last asked for it; undefined when nothing leads to it any more. */
  readonly usedAtMs?: number;
};

export type Pruned = { readonly trees: number; readonly bytes: number };

/** Every lower directory in the store. */
export function storedTrees(storeDir: HostPath): readonly StoredTree[] {
  return trees(openStore(storeDir));
}

function trees(store: Store): readonly StoredTree[] {
  const used = new Map<string, number>();
  for (const { record, usedAtMs } of listRecords(store)) {
    for (const key of record.trees) used.set(key, Math.max(used.get(key) ?? 0, usedAtMs));
  }
  return readdirSync(store.trees)
    .sort()
    .map((key) => {
      const usedAtMs = used.get(key);
      const sizes = (readManifest(store, key) ?? []).map((line) =>
        typeof line[2] === 'number' && isFile(line[1]) ? line[2] : 0,
      );
      const bytes = sizes.reduce((sum, size) => sum + size, 0);
      return { path: treePath(store, key), bytes, ...(usedAtMs === undefined ? {} : { usedAtMs }) };
    });
}

const isFile = (kind: string): boolean => kind === 'object' || kind === 'bytes' || kind === 'file';

/**
 * Removes the trees that no container is made of, and whatever only they needed. `inUse`: the lower directories of all
 * containers of all projects. A tree that was asked for after `before` stays: its container may not have a record yet.
 */
export function pruneStore(
  storeDir: HostPath,
  { inUse, before }: { readonly inUse: ReadonlySet<string>; readonly before: number },
): Pruned {
  const store = openStore(storeDir);
  sweep(store);
  const unused = trees(store).filter(({ path, usedAtMs = 0 }) => !inUse.has(path) && usedAtMs < before);
  for (const { path } of unused) {
    const key = path.slice(store.trees.length + 1);
    discard(store, key);
    rmSync(`${store.manifests}/${key}.json`, { force: true });
  }
  const left = new Set(readdirSync(store.trees));
  for (const { path, record } of listRecords(store)) {
    if (!record.trees.every((key) => left.has(key))) rmSync(path, { force: true });
  }
  const unpacked = unused
    .filter(({ path }) => path.startsWith(`${store.trees}/tar`))
    .reduce((sum, { bytes }) => sum + bytes, 0);
  return { trees: unused.length, bytes: unpacked + removeObjects(store, before) };
}

/** An object with one link is in no tree. A builder that is about to link it would copy it anew. */
function removeObjects(store: Store, before: number): number {
  let bytes = 0;
  const hashes = new Set<string>();
  for (const name of readdirSync(store.objects)) {
    const path = `${store.objects}/${name}`;
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined) continue;
    if (stats.nlink > 1 || stats.ctimeMs >= before) {
      hashes.add(name.slice(0, name.indexOf('-')));
      continue;
    }
    rmSync(path, { force: true });
    bytes += stats.size;
  }
  const known = readJson(store.hashes) as { readonly [path: string]: readonly [string, string] } | undefined;
  const kept = Object.entries(known ?? {}).filter(([, [, sha256]]) => hashes.has(sha256));
  if (statSync(store.hashes, { throwIfNoEntry: false }) !== undefined) {
    writeJson(store, store.hashes, Object.fromEntries(kept));
  }
  return bytes;
}
