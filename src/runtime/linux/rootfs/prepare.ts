import { realpathSync, statSync } from 'node:fs';
import type { RuntimeFailure } from '../../../model/event.ts';
import type { RootfsSource } from '../../../model/project.ts';
import type { HostPath } from '../../../model/units.ts';
import { unreachable } from '../../../util/assert.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import { type Recent, recent, stillTrue } from '../monotonic.ts';
import { errnoOf } from './elf-file.ts';
import type { HostTree } from './host-tree.ts';
import { collectHostUserspace } from './host-userspace.ts';
import { splitLayers } from './layers.ts';
import { Objects } from './objects.ts';
import { pathDirectories } from './programs.ts';
import { recall, remember } from './sources.ts';
import { openStore, type Store, sweep } from './store.ts';
import { describeTree, publishHostTree, treePath } from './trees.ts';

export type PreparedRootfs = {
  /** Lower directories of the overlay, top first. Never written to. */
  readonly lowers: readonly HostPath[];
  /** The same key: the same contents. For a directory of the user's it is only its path. */
  readonly key: string;
};

type Prepared = Result<PreparedRootfs, RuntimeFailure>;

const underway = new Map<string, Promise<Prepared>>();

/** What preflight has found is what is made a moment later: between the two nobody looks again. */
const ahead = new Map<string, Recent<Prepared>>();

/**
 * Makes what a `rootfs:` stands for available as directories. What is in the store already costs a look at each of its
 * inputs; `storeDir` is made when missing. Whoever asks for the same while it is being made gets the same answer, and so do
 * those who ask for it within a second after who asked `early`, once.
 */
export function prepareRootfs(
  source: RootfsSource,
  storeDir: HostPath,
  { hostPath = process.env['PATH'] ?? '', early }: { readonly hostPath?: string; readonly early?: true } = {},
): Promise<Prepared> {
  const identity = JSON.stringify([source, storeDir, hostPath]);
  const present = underway.get(identity);
  if (present !== undefined) return present;
  const found = stillTrue(ahead.get(identity));
  ahead.delete(identity);
  const made = found !== undefined ? Promise.resolve(found) : prepare(source, storeDir, hostPath);
  const prepared = made
    .catch((cause) => refused(errnoOf(cause)))
    .finally(() => underway.delete(identity))
    .then((outcome) => {
      if (early && outcome.ok) ahead.set(identity, recent(outcome));
      return outcome;
    });
  underway.set(identity, prepared);
  return prepared;
}

async function prepare(source: RootfsSource, storeDir: HostPath, hostPath: string): Promise<Prepared> {
  switch (source.kind) {
    case 'directory':
      return prepareDirectory(source.path);
    case 'tarball':
      return prepareArchive(openStore(storeDir), source.path);
    case 'host':
      return prepareHost(openStore(storeDir), source.programs, pathDirectories(hostPath));
    default:
      return unreachable(source);
  }
}

function prepareDirectory(path: HostPath): Prepared {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return refused(`${path} does not exist`, 'create it, or correct the path');
  if (!stats.isDirectory()) {
    return refused(`${path} is not a directory`, 'a tarball is recognised by its name: .tar, .tar.gz, .tgz, .tar.zst');
  }
  const real = realpathSync(path) as HostPath;
  if (real === '/') {
    return refused(
      'the root directory of the host cannot be the root of a container',
      'name the programs that are needed: rootfs: { host: [sh] }',
    );
  }
  return ok({ lowers: [real], key: `directory:${real}` });
}

async function prepareArchive(store: Store, path: HostPath): Promise<Prepared> {
  const { prepareTarball } = await import('./tarball.ts');
  const trees = await prepareTarball(store, path);
  if (trees.ok) return ok(preparedFrom(store, trees.value));
  return err({ code: 'rootfs-failed', message: trees.error.message, configPath: 'rootfs', notes: trees.error.notes });
}

async function prepareHost(
  store: Store,
  programs: readonly string[],
  directories: readonly string[],
): Promise<Prepared> {
  const identity = JSON.stringify(['host', programs, directories]);
  const known = recall(store, identity);
  if (known !== undefined) return ok(preparedFrom(store, known));

  sweep(store);
  const tree = collectHostUserspace(programs, directories);
  if (!tree.ok) {
    const { index, message, notes } = tree.error;
    return err({ code: 'rootfs-failed', message, configPath: `rootfs.programs.${index}`, notes });
  }
  const trees = await build(store, tree.value).catch((cause: NodeJS.ErrnoException) => {
    // A prune beside us may have taken a file that was in no tree yet; the second time it is copied anew.
    if (cause.code === 'ENOENT') return build(store, tree.value);
    throw cause;
  });
  remember(store, identity, { trees, inputs: [...tree.value.inputs] });
  return ok(preparedFrom(store, trees));
}

async function build(store: Store, tree: HostTree): Promise<readonly string[]> {
  const objects = new Objects(store);
  const keys: string[] = [];
  for (const entries of splitLayers(tree.entries, tree.bulkRoots)) {
    const { key, manifest } = await describeTree(entries, objects);
    publishHostTree(store, { key, manifest, entries, objects });
    keys.push(key);
  }
  objects.save();
  return keys;
}

const preparedFrom = (store: Store, trees: readonly string[]): PreparedRootfs => ({
  lowers: trees.map((key) => treePath(store, key)),
  key: trees.join('-'),
});

const refused = (reason: string, ...notes: readonly string[]): Prepared =>
  err({ code: 'rootfs-failed', message: `cannot prepare the root filesystem: ${reason}`, configPath: 'rootfs', notes });
