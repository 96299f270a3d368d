import { type FSWatcher, watch } from 'node:fs';
import type { ContainerName, ProjectName } from '../../model/units.ts';
import type { LogChunk } from './logs/chunk.ts';
import { LogReader, type ReaderOptions } from './logs/reader.ts';
import type { HostEnvironment } from './options.ts';
import { containerPaths, hostPaths, projectPaths } from './paths.ts';

export type { LogChunk } from './logs/chunk.ts';

export type LogOptions = {
  /** Start with the last this many lines of each container; absent: everything. */
  readonly tail?: number;
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** Go on until `signal` aborts: through rotation, restarts, removal and creation anew. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
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
  const range: ReaderOptions = { sinceMs, untilMs, ...(options.tail === undefined ? {} : { tail: options.tail }) };
  const logs = containers.map((name) => {
    const directory = containerPaths(at, name).log;
    return { directory, reader: new LogReader(name, directory, range) };
  });
  const readers = logs.map(({ reader }) => reader);
  const bell = new Bell(logs.map(({ directory }) => directory));
  try {
    for (;;) {
      if (follow) bell.listen();
      for (let next = oldest(readers); next !== undefined && !signal.aborted; next = oldest(readers)) {
        const chunk = next.peek();
        next.take();
        if (chunk !== undefined) yield chunk;
      }
      if (!follow || signal.aborted || Date.now() > untilMs) return;
      await bell.ring(signal);
    }
  } finally {
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

/** Rings when an index grows or is rotated. Watching the index alone lets the kernel merge a burst into one event. */
class Bell {
  readonly #directories: readonly string[];
  readonly #watchers = new Map<string, FSWatcher>();
  #rung = false;
  #wake: (() => void) | undefined;

  constructor(directories: readonly string[]) {
    this.#directories = directories;
  }

  /** From here on nothing is missed. Files that were rotated away or did not exist are looked up again. */
  listen(): void {
    this.#rung = false;
    for (const directory of this.#directories) {
      if (this.#watchers.has(directory)) continue;
      try {
        const watcher = watch(`${directory}/index`, (event) => {
          if (event === 'rename') this.#forget(directory);
          this.#ringNow();
        });
        watcher.on('error', () => this.#forget(directory));
        this.#watchers.set(directory, watcher);
      } catch {
        // Not there yet.
      }
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

  #ringNow(): void {
    this.#rung = true;
    this.#wake?.();
  }

  #forget(directory: string): void {
    this.#watchers.get(directory)?.close();
    this.#watchers.delete(directory);
  }
}
