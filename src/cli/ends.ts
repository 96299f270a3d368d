import type { ObservedContainer } from '../model/state.ts';
import type { ContainerName } from '../model/units.ts';
import { freshHistory, judgeEnd } from '../supervise/restart-policy.ts';

/** A container that has ended and stays so, unless somebody starts it. */
export type Ended = {
  readonly container: ObservedContainer;
  /** As a shell sees it; null: every witness was killed too. */
  readonly exitCode: number | null;
};

export type EndsOptions = {
  /** Ends from before this moment are old news. Milliseconds since the epoch. */
  readonly sinceMs: number;
  /** It has ended, for good or until its restart policy brings it back. */
  readonly onEnd: (container: ObservedContainer, restarting: boolean) => void;
};

/**
 * Who of a set of containers still lives, from reports that may come twice or not at all. One that has ended and is to be
 * restarted by its policy counts as living.
 */
export class Ends {
  readonly #options: EndsOptions;
  readonly #living = new Set<ContainerName>();
  /** The last end that was reported of each. */
  readonly #known = new Map<ContainerName, string>();
  /** When the last end was that was told of each. */
  readonly #told = new Map<ContainerName, number>();
  /** Ends of which only a supervisor can tell whether they are the last. */
  readonly #undecided = new Map<ContainerName, ObservedContainer>();
  readonly #last = new Map<ContainerName, ObservedContainer>();
  /** Those that will not come back by themselves. */
  readonly #left = new Set<ContainerName>();
  readonly #ended: Ended[] = [];
  readonly #waiting: { readonly test: (ended: Ended) => boolean; readonly resolve: (ended: Ended) => void }[] = [];
  #wakeAll: (() => void) | undefined;

  constructor(options: EndsOptions) {
    this.#options = options;
  }

  /** How a container is now. */
  see(container: ObservedContainer): void {
    const { name, status } = container;
    this.#last.set(name, container);
    if (status.kind === 'created') return;
    if (status.kind === 'running' || status.kind === 'paused') {
      this.#decide(name);
      this.#known.delete(name);
      this.#left.delete(name);
      this.#living.add(name);
      return;
    }
    const prospect = this.#left.has(name) ? 'stays' : prospectOf(container);
    const end = `${status.finishedAtMs} ${prospect}`;
    if (this.#known.get(name) === end) return;
    if (!this.#known.get(name)?.startsWith(`${status.finishedAtMs} `)) this.#decide(name);
    this.#known.set(name, end);
    if (prospect === 'unknown') {
      this.#undecided.set(name, container);
      this.#living.add(name);
      return;
    }
    this.#undecided.delete(name);
    this.#tell(container, status.finishedAtMs, prospect === 'restarts');
    if (prospect === 'restarts') {
      this.#living.add(name);
      return;
    }
    this.#living.delete(name);
    if (status.finishedAtMs >= this.#options.sinceMs) this.#note({ container, exitCode: status.exitCode });
    this.#settle();
  }

  /** It was removed. */
  gone(name: ContainerName): void {
    this.#living.delete(name);
    this.#settle();
  }

  /** Its supervisor leaves it as it is, whatever its restart policy seems to say; its end may be reported later. */
  over(name: ContainerName): void {
    this.#left.add(name);
    const last = this.#last.get(name);
    if (last !== undefined && this.#known.has(name)) this.see(last);
  }

  /** Those that still live or will live again. */
  get living(): ReadonlySet<ContainerName> {
    return this.#living;
  }

  /** In the order in which they were reported. */
  get ended(): readonly Ended[] {
    return this.#ended;
  }

  /** The first end that passes the test, also one of the past. */
  first(test: (ended: Ended) => boolean): Promise<Ended> {
    const there = this.#ended.find(test);
    if (there !== undefined) return Promise.resolve(there);
    return new Promise((resolve) => this.#waiting.push({ test, resolve }));
  }

  /** Whether anybody of `names` still lives, or will live again. */
  isLeft(names?: ReadonlySet<ContainerName>): boolean {
    return [...this.#living].some((name) => names?.has(name) ?? true);
  }

  /** Resolves when nobody of `names` lives any more. */
  async all(names?: ReadonlySet<ContainerName>): Promise<void> {
    while (this.isLeft(names)) {
      await new Promise<void>((resolve) => {
        const before = this.#wakeAll;
        this.#wakeAll = () => {
          before?.();
          resolve();
        };
      });
    }
  }

  /** There is a next life: the end before it was not the last. */
  #decide(name: ContainerName): void {
    const container = this.#undecided.get(name);
    this.#undecided.delete(name);
    if (container !== undefined && 'finishedAtMs' in container.status) {
      this.#tell(container, container.status.finishedAtMs, true);
    }
  }

  #tell(container: ObservedContainer, finishedAtMs: number, restarting: boolean): void {
    if (this.#told.get(container.name) === finishedAtMs) return;
    this.#told.set(container.name, finishedAtMs);
    if (finishedAtMs >= this.#options.sinceMs) this.#options.onEnd(container, restarting);
  }

  #note(ended: Ended): void {
    this.#ended.push(ended);
    for (const waiter of this.#waiting) if (waiter.test(ended)) waiter.resolve(ended);
  }

  #settle(): void {
    const wake = this.#wakeAll;
    this.#wakeAll = undefined;
    wake?.();
  }
}

/** Whether its restart policy brings a container back that has ended; `unknown`: only its supervisor can tell. */
export type Prospect = 'restarts' | 'stays' | 'unknown';

export function prospectOf({ status, stoppedByUser, config, restarts, givenUp }: ObservedContainer): Prospect {
  if (stoppedByUser || givenUp !== undefined || (status.kind !== 'exited' && status.kind !== 'failed')) return 'stays';
  const startedAtMs = status.kind === 'exited' ? status.startedAtMs : status.finishedAtMs;
  const { exitCode, finishedAtMs } = status;
  const lifeMs = Math.max(0, finishedAtMs - startedAtMs);
  const end = { exitCode, lifeMs, atMs: finishedAtMs, failed: status.kind === 'failed' };
  const verdict = judgeEnd(config.restart, end, { ...freshHistory, attempts: restarts });
  if (verdict.kind === 'restart') return 'restarts';
  // The record may count the life that is about to begin already, and not every restart counts as an attempt.
  return verdict.reason === 'attempts-used-up' ? 'unknown' : 'stays';
}

/** Whether it may live again by itself. */
export const comesBack = (container: ObservedContainer): boolean => prospectOf(container) !== 'stays';
