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
      this.#known.delete(name);
      this.#left.delete(name);
      this.#living.add(name);
      return;
    }
    const restarting = comesBack(container) && !this.#left.has(name);
    const end = `${status.finishedAtMs} ${restarting}`;
    if (this.#known.get(name) === end) return;
    const isNew = !this.#known.get(name)?.startsWith(`${status.finishedAtMs} `);
    this.#known.set(name, end);
    if (isNew && status.finishedAtMs >= this.#options.sinceMs) this.#options.onEnd(container, restarting);
    if (restarting) {
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

  /** Resolves when nobody of `names` lives any more. */
  async all(names?: ReadonlySet<ContainerName>): Promise<void> {
    const isOver = () => ![...this.#living].some((name) => names?.has(name) ?? true);
    while (!isOver()) {
      await new Promise<void>((resolve) => {
        const before = this.#wakeAll;
        this.#wakeAll = () => {
          before?.();
          resolve();
        };
      });
    }
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

/** Whether its restart policy will bring it back, as far as can be told before its supervisor has counted. */
export function comesBack({ status, stoppedByUser, config, restarts, givenUp }: ObservedContainer): boolean {
  if (stoppedByUser || givenUp !== undefined || (status.kind !== 'exited' && status.kind !== 'failed')) return false;
  const startedAtMs = status.kind === 'exited' ? status.startedAtMs : status.finishedAtMs;
  const { exitCode, finishedAtMs } = status;
  const lifeMs = Math.max(0, finishedAtMs - startedAtMs);
  const end = { exitCode, lifeMs, atMs: finishedAtMs, failed: status.kind === 'failed' };
  return judgeEnd(config.restart, end, { ...freshHistory, attempts: restarts }).kind === 'restart';
}
