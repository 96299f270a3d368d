import type { HostPath } from '../../model/units.ts';
import { type Change, ignoring, prunes, type WatchedRule, type WatchedService } from './batch.ts';
import { gitIsBusy } from './git.ts';
import { compileIgnore } from './ignore.ts';
import { RootWatcher } from './root.ts';
import { rootsOf } from './rules.ts';
import type { WatchError } from './tree.ts';

export type RootsOptions = {
  readonly onChange: (change: Change) => void;
  readonly onError: (error: WatchError) => void;
};

/** Everything that the rules name, watched. */
export class Roots {
  readonly #watchers: readonly RootWatcher[];
  readonly #gits: readonly (() => boolean)[];
  /** Paths of rules where nothing is yet; they are watched for. */
  readonly missing: readonly HostPath[];

  constructor(services: readonly WatchedService[], options: RootsOptions) {
    const roots = [...rootsOf(services)];
    const watchers = roots.map(([root, rules]) => new RootWatcher({ root, prune: pruneOf(rules), ...options }));
    this.#watchers = watchers;
    this.#gits = roots.map(([root]) => gitIsBusy(root));
    this.missing = roots.flatMap(([root], at) => (watchers[at]?.isMissing ? [root] : []));
  }

  /** How many directories are watched. */
  get size(): number {
    return this.#watchers.reduce((sum, { size }) => sum + size, 0);
  }

  /** A checkout is under way in one of the work trees. */
  get isBusy(): boolean {
    return this.#gits.some((isBusy) => isBusy());
  }

  /** See `TreeWatcher.sweep`. */
  sweep(sinceMs: number): readonly Change[] {
    return this.#watchers.flatMap((watcher) => watcher.sweep(sinceMs));
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.close();
  }
}

/** A directory needs no watch when every rule of its root ignores it for good. git's own is never meant. */
function pruneOf(rules: readonly WatchedRule[]): (relativePath: string) => boolean {
  const filters = rules.map((rule) => (prunes(rule) ? ignoring(rule) : compileIgnore(['**/.git'])));
  return (path) => filters.every((ignored) => ignored(path));
}
