import { existsSync, type FSWatcher, type Stats, watch } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import type { HostPath } from '../../model/units.ts';
import { statOf } from '../../runtime/linux/files/host-stat.ts';
import type { Change } from './batch.ts';
import { isExhausted, pollMs, type TreeOptions, TreeWatcher, type WatchError, watchError } from './tree.ts';

/**
 * Watches one path of a rule whatever is there: a file (of which a watch would be lost as soon as an editor renames another
 * over it, so its directory is watched), a directory with all below it, or nothing yet. What takes its place is watched in
 * turn. A directory that goes away takes what was in it, never itself: a branch without it must not empty a container's
 * root. Where the kernel has no watch left, the path is looked at every second until it has.
 */
export class RootWatcher {
  readonly #options: TreeOptions;
  #anchor: { readonly path: string; readonly watcher: FSWatcher } | undefined;
  #tree: TreeWatcher | undefined;
  #identity = '';
  /** What tells whether there is anything new at the path. */
  #signature = '';
  #polling: NodeJS.Timeout | undefined;
  #kind: 'missing' | 'file' | 'directory' = 'missing';
  #closed = false;

  constructor(options: TreeOptions) {
    this.#options = options;
    this.#drop();
    this.#look('quiet');
  }

  /** How many directories are watched. */
  get size(): number {
    return (this.#tree?.size ?? 0) + (this.#anchor === undefined ? 0 : 1);
  }

  get isMissing(): boolean {
    return this.#kind === 'missing';
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#polling);
    this.#anchor?.watcher.close();
    this.#tree?.close();
  }

  /** See `TreeWatcher.sweep`. */
  sweep(sinceMs: number): readonly Change[] {
    return this.#tree?.sweep(sinceMs) ?? [];
  }

  /** Hangs on to the nearest directory above the root that exists. */
  #drop(): void {
    this.#anchor?.watcher.close();
    this.#anchor = undefined;
    const parent = dirname(this.#options.root);
    for (let path = parent; !this.#closed; path = dirname(path)) {
      if (this.#hang(path)) {
        // The way down may have grown before this watch was set.
        if (path !== parent && existsSync(join(path, this.#next(path)))) this.#drop();
        return;
      }
      if (path === dirname(path)) return;
    }
  }

  /** false: there is no such directory. */
  #hang(path: string): boolean {
    try {
      const watcher = watch(path, (_event, name) => this.#hear(path, name));
      watcher.on('error', () => this.#drop());
      this.#anchor = { path, watcher };
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return false;
      this.#complain(watchError(path, error));
      if (isExhausted({ code })) this.#polling ??= setInterval(() => this.#poll(), pollMs).unref();
      return true;
    }
  }

  /** That no watch is left is said once, also for the tree below. */
  #complain(error: WatchError): void {
    if (this.#polling === undefined || !isExhausted(error)) this.#options.onError(error);
  }

  #poll(): void {
    // A watch first, so that nothing falls in between.
    this.#drop();
    if (this.#anchor !== undefined) {
      clearInterval(this.#polling);
      this.#polling = undefined;
    }
    if (signatureOf(statOf(this.#options.root)) !== this.#signature) this.#look('report');
  }

  /** The name below `anchor` on the way down to the root. */
  #next(anchor: string): string {
    return relative(anchor, this.#options.root).split('/')[0] ?? '';
  }

  #hear(anchor: string, name: string | null): void {
    if (this.#closed || this.#anchor?.path !== anchor) return;
    const { root } = this.#options;
    const isNext = name === this.#next(anchor);
    // A name of its own means that the anchor itself has gone or been replaced.
    if (!isNext && name !== basename(anchor)) return;
    if (!isNext || anchor !== dirname(root)) this.#drop();
    this.#look('report');
  }

  #look(mode: 'quiet' | 'report'): void {
    const { root, onChange } = this.#options;
    const found = statOf(root);
    const kind = found === undefined ? 'missing' : found.isDirectory() ? 'directory' : 'file';
    const identity = found === undefined ? '' : `${found.dev}:${found.ino}`;
    const stays = kind === 'directory' && identity === this.#identity;
    if (!stays) this.#leave(kind);
    this.#kind = kind;
    this.#identity = identity;
    this.#signature = signatureOf(found);
    if (kind === 'file' && mode === 'report') onChange({ path: root, now: 'there' });
    if (kind === 'directory' && !stays) {
      const onError = (error: WatchError) => this.#complain(error);
      this.#tree = new TreeWatcher({ ...this.#options, onError, start: mode });
    }
  }

  #leave(next: 'missing' | 'file' | 'directory'): void {
    const { root, onChange } = this.#options;
    const names = this.#tree?.names ?? [];
    this.#tree?.close();
    this.#tree = undefined;
    for (const name of names) onChange({ path: join(root, name) as HostPath, now: 'gone' });
    if (this.#kind === 'file' && next === 'missing') onChange({ path: root, now: 'gone' });
  }
}

const signatureOf = (found: Stats | undefined): string =>
  found === undefined ? '' : [found.dev, found.ino, found.size, found.mtimeMs, found.ctimeMs].join(' ');
