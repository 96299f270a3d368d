import { type FSWatcher, watch } from 'node:fs';
import { dirname } from 'node:path';
import type { ContainerName, ProjectName } from '../../model/units.ts';
import type { LogChunk } from './logs/chunk.ts';
import { Notes } from './logs/notes.ts';
import { LogReader } from './logs/reader.ts';
import type { HostEnvironment } from './options.ts';
import { containerPaths, hostPaths, projectPaths } from './paths.ts';
import { type ContainerRecord, entries, readRecord } from './state-dir.ts';

export type { LogChunk } from './logs/chunk.ts';

export type LogOptions = {
  /** Start with the last this many lines of each container; absent: everything. */
  readonly tail?: number;
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** Go on until `signal` aborts: through rotation, restarts, removal and creation anew. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
  /** With `follow`: whether a container that is new shall be read too, from its beginning. Absent: none. */
  readonly joins?: (container: Pick<ContainerRecord, 'name' | 'service' | 'number'>) => boolean;
  /** Said while the caller waits for the next chunk. */
  readonly notes?: Notes;
  readonly host?: HostEnvironment;
};

/** What the containers wrote, merged by time; without `follow` it ends when everything has been read. */
export async function* openLogs(
  project: ProjectName,
  containers: readonly ContainerName[],
  options: LogOptions,
): AsyncGenerator<LogChunk, void, undefined> {
  const { follow, signal, host = process.env, sinceMs = 0, untilMs = Number.POSITIVE_INFINITY } = options;
  const at = projectPaths(hostPaths(host), project);
  const { joins, notes = new Notes() } = options;
  const readers: LogReader[] = [];
  const bell = new Bell(joins === undefined ? [] : [at.containers]);
  const add = (name: ContainerName, tail?: number): void => {
    const directory = containerPaths(at, name).log;
    bell.add(`${directory}/index`);
    readers.push(new LogReader(name, directory, { sinceMs, untilMs, ...(tail === undefined ? {} : { tail }) }));
  };
  notes.onAdd = () => bell.ringNow();
  const known = new Set<string>(containers);
  const join = (test: NonNullable<typeof joins>): void => {
    for (const name of entries(at.containers)) {
      if (known.has(name)) continue;
      const record = readRecord(containerPaths(at, name as ContainerName).record);
      // Its record is the first thing of a container that is there.
      if (record === undefined) continue;
      known.add(name);
      if (record.oneOff === undefined && test(record)) add(record.name);
    }
  };
  try {
    for (const name of containers) add(name, options.tail);
    for (;;) {
      if (follow) bell.listen();
      if (follow && joins !== undefined) join(joins);
      const sayDue = notes.take();
      for (let next = oldest(readers); next !== undefined && !signal.aborted; next = oldest(readers)) {
        const chunk = next.peek();
        next.take();
        if (chunk === undefined) continue;
        notes.sayBefore(chunk.timeMs);
        yield chunk;
      }
      sayDue();
      if (!follow || signal.aborted || Date.now() > untilMs) return;
      await bell.ring(signal);
    }
  } finally {
    notes.take()();
    bell.close();
    for (const reader of readers) reader.close();
  }
}

function oldest(readers: readonly LogReader[]): LogReader | undefined {
  let first: LogReader | undefined;
  let time = Number.POSITIVE_INFINITY;
  for (const reader of readers) {
    const chunk = reader.peek();
    if (chunk === undefined || chunk.timeMs > time) continue;
    // Equal times keep the order of the containers.
    if (first !== undefined && chunk.timeMs === time) continue;
    first = reader;
    time = chunk.timeMs;
  }
  return first;
}

/** How long something may go unnoticed when the kernel does not tell: a log directory that was made anew. */
const floorMs = 500;

/**
 * Rings when an index grows or is rotated, or a container comes. Watching the index alone, not its directory, lets the
 * kernel merge a burst into one event.
 */
class Bell {
  readonly #paths: string[];
  readonly #watchers = new Map<string, FSWatcher>();
  #rung = false;
  #wake: (() => void) | undefined;

  constructor(paths: readonly string[]) {
    this.#paths = [...paths];
  }

  add(path: string): void {
    this.#paths.push(path);
  }

  /** From here on nothing is missed. Files that were rotated away or did not exist are looked up again. */
  listen(): void {
    this.#rung = false;
    for (const path of this.#paths) {
      if (this.#watchers.has(path)) continue;
      // A log has no files before there is something to keep: until then it is their directory that tells.
      if (!this.#watch(path, path)) this.#watch(path, dirname(path));
    }
  }

  /** Rings for `path` when something happens to `target`; false when that is not there. */
  #watch(path: string, target: string): boolean {
    try {
      const watcher = watch(target, (event) => {
        if (event === 'rename') this.#forget(path);
        this.ringNow();
      });
      watcher.on('error', () => this.#forget(path));
      this.#watchers.set(path, watcher);
      return true;
    } catch {
      return false;
    }
  }

  async ring(signal: AbortSignal): Promise<void> {
    if (this.#rung || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(floor);
        signal.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve();
      };
      const floor = setTimeout(done, floorMs);
      signal.addEventListener('abort', done);
      this.#wake = done;
    });
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  ringNow(): void {
    this.#rung = true;
    this.#wake?.();
  }

  #forget(path: string): void {
    this.#watchers.get(path)?.close();
    this.#watchers.delete(path);
  }
}
