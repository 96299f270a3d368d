import { type FSWatcher, watch } from 'node:fs';
import type { ObservedContainer } from '../../model/state.ts';
import type { ContainerName, ProjectName } from '../../model/units.ts';
import type { WatchOptions } from '../runtime.ts';
import { subscribe } from './control.ts';
import { restMs } from './launcher-process.ts';
import { monitorLives } from './lives.ts';
import { observeContainer } from './observe.ts';
import { type ContainerPaths, containerPaths, type Paths, type ProjectPaths, projectPaths } from './paths.ts';
import { statePhase } from './protocol.ts';
import type { ShimState } from './records.ts';
import { entries, readRecord, readState } from './state-dir.ts';

/** How long a container that came, or a monitor that came back, may go unnoticed when the kernel does not tell. */
const floorMs = 500;
/** When the kernel begins to tell. */
const soonMs = 50;

/** Hears of every change in a project until the signal: from the monitors, and from the records beside them. */
export async function watchProject(paths: Paths, project: ProjectName, options: WatchOptions): Promise<void> {
  const at = projectPaths(paths, project);
  const known = new Map<ContainerName, ContainerWatch>();
  const look = (): void => {
    for (const name of entries(at.containers) as ContainerName[]) {
      const record = readRecord(containerPaths(at, name).record);
      if (record !== undefined && !record.oneOff && !known.has(name)) {
        known.set(name, new ContainerWatch(at, name, { ...options, onEnd: () => known.delete(name) }));
      }
    }
  };
  let watcher: FSWatcher | undefined;
  const listen = (): void => {
    watcher ??= tryWatch(at.containers, look);
    look();
  };
  look();
  options.onLooked?.();
  // Whoever was woken has a container to bring back first.
  await turn();
  const soon = setTimeout(listen, soonMs);
  const floor = setInterval(listen, floorMs);
  await aborted(options.signal);
  clearTimeout(soon);
  clearInterval(floor);
  watcher?.close();
  for (const container of known.values()) container.close();
}

class ContainerWatch {
  readonly #name: ContainerName;
  readonly #where: ContainerPaths;
  readonly #options: WatchOptions & { readonly onEnd: () => void };
  readonly #over = new AbortController();
  #soon: NodeJS.Timeout | undefined;
  #watcher: FSWatcher | undefined;
  #last = '';
  #looksSoon = false;
  #newest: ShimState | undefined;
  #hasEnded = false;

  constructor(at: ProjectPaths, name: ContainerName, options: WatchOptions & { readonly onEnd: () => void }) {
    this.#name = name;
    this.#where = containerPaths(at, name);
    this.#options = options;
    void this.#follow();
  }

  /** The record says who stopped it, and goes with the container. */
  #listen(): void {
    this.#watcher = tryWatch(this.#where.lib, (name) => {
      // What its monitor writes there, it tells.
      if (name !== 'state') this.#lookSoon();
    });
    this.#look();
  }

  close(): void {
    this.#over.abort();
    clearTimeout(this.#soon);
    this.#watcher?.close();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#over;
    this.#look();
    // What the look has made due goes first. What happens meanwhile is in the first reply.
    await turn();
    // What has ended by the first look may be about to start.
    if (this.#hasEnded) await pause(signal, restMs);
    if (!signal.aborted) this.#soon = setTimeout(() => this.#listen(), soonMs);
    while (!signal.aborted) {
      await subscribe(this.#where.controlSocket, (state) => !this.#look(state), {
        signal,
        supervise: this.#options.supervise,
      });
      this.#look();
      // Until somebody gives it a monitor again; its record is watched meanwhile.
      await pause(signal, floorMs);
      this.#look();
    }
  }

  /** A record that is written makes four events, and those who wait for the machine come first. */
  #lookSoon(): void {
    if (this.#looksSoon) return;
    this.#looksSoon = true;
    setImmediate(() => {
      this.#looksSoon = false;
      this.#look();
    });
  }

  /** What its monitor has told may still be on its way when its record has been read, which then is newer. */
  #isOld(told: ShimState | undefined): boolean {
    const newest = this.#newest;
    if (told?.createdMs === newest?.createdMs && (told?.sequence ?? 0n) < (newest?.sequence ?? 0n)) return true;
    this.#newest = told;
    return false;
  }

  /** Reports what is new; false when the container is gone. */
  #look(told = readState(this.#where.stateRecord)): boolean {
    if (this.#over.signal.aborted) return false;
    const record = readRecord(this.#where.record);
    if (record === undefined) {
      this.close();
      this.#options.onEnd();
      if (this.#last !== '') this.#options.onGone(this.#name);
      return false;
    }
    if (this.#isOld(told)) return true;
    // Neither what it was nor yet what it is going to be; the monitor tells at once which.
    if (told?.phase === statePhase.STARTING && monitorLives(told)) return true;
    const container = observeContainer(record, this.#where, told);
    this.#hasEnded = container.status.kind === 'exited' || container.status.kind === 'failed';
    const summary = summarize(container, told?.starts ?? 0);
    if (summary === this.#last) return true;
    this.#last = summary;
    this.#options.onChange(container);
    return true;
  }
}

/** What makes two looks at a container different. A life that ended between them shows in the count of starts. */
function summarize(
  { status, monitored, stoppedByUser, restarts, createdAtMs }: ObservedContainer,
  starts: number,
): string {
  return JSON.stringify([status, monitored, stoppedByUser, restarts, createdAtMs, starts]);
}

function tryWatch(path: string, onChange: (name: string | null) => void): FSWatcher | undefined {
  try {
    const watcher = watch(path, (_, name) => onChange(name));
    watcher.on('error', () => {});
    return watcher;
  } catch {
    return undefined;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** When all that is due by now has been done. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function pause(signal: AbortSignal, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
