import { type Dirent, type FSWatcher, readdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import type { HostPath } from '../../model/units.ts';
import { statOf } from '../../runtime/linux/files/host-stat.ts';
import type { Change } from './batch.ts';

export type TreeOptions = {
  readonly root: HostPath;
  /** Asked with the path relative to the root before a directory is entered; true: no watch there. */
  readonly prune: (relativePath: string) => boolean;
  readonly onChange: (change: Change) => void;
  readonly onError: (error: WatchError) => void;
  /** `report`: everything that is there at the start counts as changed. Default `quiet`. */
  readonly start?: 'quiet' | 'report';
};

export type WatchError = {
  readonly path: string;
  /** errno(3) name; ENOSPC and EMFILE are the inotify limits. */
  readonly code: string;
  readonly remedy: string;
};

type Watched = {
  /** Absent: there was no inotify watch left for it, and it is looked at again and again. */
  readonly watcher: FSWatcher | undefined;
  /** Device and inode: a directory that took the name of another has its own. */
  readonly identity: string;
  /** What was last known to be in it. */
  readonly names: Set<string>;
};

/** The limits of inotify. */
const exhausted = ['ENOSPC', 'EMFILE'];
export const isExhausted = ({ code }: { readonly code?: string | undefined }): boolean =>
  exhausted.includes(code ?? '');
/** How often is looked at for what no watch was left. */
export const pollMs = 1000;
/** The clock of file systems ticks coarsely: a change may bear a time from before the look that missed it. */
const tickMs = 20;

/**
 * Watches a directory tree with one inotify watch per directory, a tenth of what one per file costs. A new directory is
 * read after its watch is set, because files may have been made in between: whatever is found is reported as changed, and
 * a file that is reported twice is only looked at twice. Directories for which the kernel has no watch left are looked at
 * every second, until it has.
 */
export class TreeWatcher {
  readonly #options: TreeOptions;
  readonly #directories = new Map<string, Watched>();
  #closed = false;
  #polling: NodeJS.Timeout | undefined;
  #polledMs = 0;

  constructor(options: TreeOptions) {
    this.#options = options;
    this.#enter('', options.start ?? 'quiet');
  }

  /** How many directories are watched. */
  get size(): number {
    return this.#directories.size;
  }

  /** What is known to be directly in the root. */
  get names(): readonly string[] {
    return [...(this.#directories.get('')?.names ?? [])];
  }

  /**
   * Looks at everything again and tells what has changed since (milliseconds since the epoch) and what is gone: the
   * kernel drops events without a word when more come at once than its queue holds (fs.inotify.max_queued_events).
   */
  sweep(sinceMs: number): readonly Change[] {
    return [...this.#directories.keys()].flatMap((directory) => this.#sweepOne(directory, sinceMs));
  }

  #sweepOne(directory: string, sinceMs: number): readonly Change[] {
    const names = this.#directories.get(directory)?.names ?? new Set();
    const path = this.#absolute(directory);
    const found = new Set(this.#list(path).map(({ name }) => name));
    const gone = [...names].filter((name) => !found.has(name) && names.delete(name));
    for (const name of gone) this.#leave(directory === '' ? name : `${directory}/${name}`);
    const fresh = [...found].filter((name) => {
      const child = directory === '' ? name : `${directory}/${name}`;
      if (this.#options.prune(child)) return false;
      const at = statOf(join(path, name));
      if (at === undefined || (names.has(name) && at.ctimeMs < sinceMs)) return false;
      names.add(name);
      if (at.isDirectory() && !this.#directories.has(child)) this.#enter(child, 'report');
      return true;
    });
    const tell = (now: Change['now']) => (name: string) => ({ path: join(path, name) as HostPath, now });
    return [...gone.map(tell('gone')), ...fresh.map(tell('there'))];
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#polling);
    for (const { watcher } of this.#directories.values()) watcher?.close();
    this.#directories.clear();
  }

  #enter(directory: string, mode: 'quiet' | 'report'): void {
    if (this.#closed) return;
    const path = this.#absolute(directory);
    const { identity } = look(path);
    const watcher = this.#watch(directory);
    if (watcher === 'failed') return;
    this.#directories.set(directory, { watcher, identity, names: new Set() });
    for (const entry of this.#list(path)) {
      const child = directory === '' ? entry.name : `${directory}/${entry.name}`;
      if (this.#options.prune(child)) continue;
      this.#directories.get(directory)?.names.add(entry.name);
      if (mode === 'report') this.#options.onChange({ path: this.#absolute(child), now: 'there', fresh: true });
      if (entry.isDirectory()) this.#enter(child, mode);
    }
  }

  /** Undefined: none is left; it is polled from now on. */
  #watch(directory: string): FSWatcher | undefined | 'failed' {
    const path = this.#absolute(directory);
    try {
      const watcher = watch(path, (_event, name) => this.#hear(directory, name));
      watcher.on('error', (error) => this.#fail(path, error));
      return watcher;
    } catch (error) {
      const noneLeft = isExhausted(error as NodeJS.ErrnoException);
      // One complaint is enough: the next thousand directories have the same trouble.
      if (!noneLeft || this.#polling === undefined) this.#fail(path, error);
      if (!noneLeft) return 'failed';
      this.#polledMs ||= Date.now();
      this.#polling ??= setInterval(() => this.#poll(), pollMs).unref();
      return undefined;
    }
  }

  #poll(): void {
    const sinceMs = this.#polledMs - tickMs;
    this.#polledMs = Date.now();
    let mayWatch = true;
    for (const [directory, watched] of [...this.#directories]) {
      if (watched.watcher !== undefined || !this.#directories.has(directory)) continue;
      // Watched first and looked at afterwards, so that nothing falls in between.
      const watcher: FSWatcher | 'failed' | undefined = mayWatch ? this.#watch(directory) : undefined;
      mayWatch = typeof watcher === 'object';
      if (typeof watcher === 'object') this.#directories.set(directory, { ...watched, watcher });
      for (const change of this.#sweepOne(directory, sinceMs)) this.#options.onChange(change);
    }
    if (![...this.#directories.values()].every(({ watcher }) => watcher !== undefined)) return;
    clearInterval(this.#polling);
    this.#polling = undefined;
    this.#polledMs = 0;
  }

  #hear(directory: string, name: string | null): void {
    const watched = this.#directories.get(directory);
    if (watched === undefined || name === null) return;
    const child = directory === '' ? name : `${directory}/${name}`;
    if (this.#options.prune(child)) return;
    const path = this.#absolute(child);
    const found = look(path);
    if (found.kind === 'missing') {
      this.#leave(child);
      // An event about the directory itself comes under its own name, as if a child of that name had gone.
      if (watched.names.delete(name)) this.#options.onChange({ path, now: 'gone' });
      return;
    }
    this.#options.onChange({ path, now: 'there', ...(!watched.names.has(name) && { fresh: true }) });
    watched.names.add(name);
    if (found.kind === 'directory' && this.#directories.get(child)?.identity === found.identity) return;
    this.#leave(child);
    if (found.kind === 'directory') this.#enter(child, 'report');
  }

  #leave(directory: string): void {
    if (!this.#directories.has(directory)) return;
    for (const [path, { watcher }] of this.#directories) {
      if (path !== directory && !path.startsWith(`${directory}/`)) continue;
      watcher?.close();
      this.#directories.delete(path);
    }
  }

  #list(path: string): readonly Dirent[] {
    try {
      return readdirSync(path, { withFileTypes: true });
    } catch {
      // Gone again, or unreadable: the watch of its parent has told or will tell.
      return [];
    }
  }

  #absolute(relative: string): HostPath {
    return (relative === '' ? this.#options.root : join(this.#options.root, relative)) as HostPath;
  }

  #fail(path: string, error: unknown): void {
    const told = watchError(path, error);
    // A directory that vanished before it was watched is no error: its parent reports it.
    if (told.code !== 'ENOENT' || path === this.#options.root) this.#options.onError(told);
  }
}

function look(path: string): { readonly kind: 'directory' | 'other' | 'missing'; readonly identity: string } {
  const found = statOf(path);
  if (found === undefined) return { kind: 'missing', identity: '' };
  return { kind: found.isDirectory() ? 'directory' : 'other', identity: `${found.dev}:${found.ino}` };
}

export function watchError(path: string, error: unknown): WatchError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'EIO';
  return { path, code, remedy: remedyFor(code) };
}

function remedyFor(code: string): string {
  switch (code) {
    case 'ENOSPC':
      return 'until then it is looked at every second; raise the number of inotify watches: sysctl fs.inotify.max_user_watches=524288, or ignore more directories';
    case 'EMFILE':
      return 'until then it is looked at every second; raise the number of inotify instances: sysctl fs.inotify.max_user_instances=512';
    default:
      return 'check that the path exists and can be read';
  }
}
