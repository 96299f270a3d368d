import type { HostPath } from '../../model/units.ts';
import type { Change } from './batch.ts';

/** Milliseconds without a further change after which a batch is complete. */
const quietMs = 12;
/** A batch is handed over after this long even if changes keep coming. */
const longestMs = 1000;

/**
 * Gathers changes until they pause, so that a git checkout of thousands of files is one batch and a single save waits
 * hardly at all. A path that changes again keeps only its last state. While a batch is being worked on, the next one
 * gathers: `take` is never called twice at a time.
 */
export class Batcher {
  readonly #take: (changes: readonly Change[]) => Promise<void>;
  readonly #pending = new Map<HostPath, Change>();
  #quiet: NodeJS.Timeout | undefined;
  #deadline = 0;
  #busy = false;

  constructor(take: (changes: readonly Change[]) => Promise<void>) {
    this.#take = take;
  }

  add(change: Change): void {
    if (this.#pending.size === 0) this.#deadline = performance.now() + longestMs;
    // Removed first, so that the order of the batch is the order of the last changes.
    this.#pending.delete(change.path);
    this.#pending.set(change.path, change);
    if (!this.#busy) this.#arm();
  }

  close(): void {
    clearTimeout(this.#quiet);
    this.#pending.clear();
  }

  #arm(): void {
    clearTimeout(this.#quiet);
    const left = this.#deadline - performance.now();
    this.#quiet = setTimeout(() => void this.#hand(), Math.max(0, Math.min(quietMs, left)));
  }

  async #hand(): Promise<void> {
    const changes = [...this.#pending.values()];
    this.#pending.clear();
    this.#busy = true;
    try {
      await this.#take(changes);
    } finally {
      this.#busy = false;
      if (this.#pending.size > 0) this.#arm();
    }
  }
}
