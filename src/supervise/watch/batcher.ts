import type { HostPath } from '../../model/units.ts';
import type { Change } from './batch.ts';

/**
 * Milliseconds without a further change after which a batch is complete. Whoever changes many files is a program that may
 * be kept waiting for a disk or a processor: the more there are, the longer a pause it may make.
 */
const quietMs = (changes: number): number => (changes < 32 ? 12 : changes < 512 ? 50 : 150);
/** A batch is handed over after this long even if changes keep coming. */
const longestMs = 1000;
/** How soon it is asked again whether a batch that is held may go. */
const heldMs = 20;

export type BatcherOptions = {
  /** Never called twice at a time. `heardMs`: when the first change of the batch was heard of, as performance.now(). */
  readonly take: (changes: readonly Change[], heardMs: number) => Promise<void>;
  /** true: whoever makes these changes has not finished; the batch goes on however long that is. */
  readonly hold?: () => boolean;
};

/**
 * Gathers changes until they pause, so that a git checkout of thousands of files is one batch and a single save waits
 * hardly at all. A path that changes again keeps only its last state, and one that came and went never was: editors save
 * through temporary files. While a batch is being worked on, the next one gathers.
 */
export class Batcher {
  readonly #options: BatcherOptions;
  readonly #pending = new Map<HostPath, Change>();
  #quiet: NodeJS.Timeout | undefined;
  #heardMs = 0;
  /** When the batch goes even if changes keep coming, as performance.now(). */
  #latestMs = 0;
  #wasHeld = false;
  #busy = false;
  #closed = false;

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  add(change: Change): void {
    if (this.#closed) return;
    if (this.#pending.size === 0) {
      this.#heardMs = performance.now();
      this.#latestMs = this.#heardMs + longestMs;
    }
    const fresh = this.#pending.get(change.path)?.fresh === true;
    // Removed first, so that the order of the batch is the order of the last changes.
    this.#pending.delete(change.path);
    if (!fresh) this.#pending.set(change.path, change);
    else if (change.now === 'there') this.#pending.set(change.path, { ...change, fresh });
    if (!this.#busy) this.#arm();
  }

  /** What is still heard of from here on comes too late. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#quiet);
    this.#quiet = undefined;
    this.#pending.clear();
  }

  #arm(): void {
    const left = this.#latestMs - performance.now();
    this.#armFor(Math.max(0, Math.min(quietMs(this.#pending.size), left)));
  }

  #armFor(ms: number): void {
    clearTimeout(this.#quiet);
    const timer = setTimeout(() => setImmediate(() => this.#ring(timer)), ms);
    this.#quiet = timer;
  }

  /**
   * A timer comes before what the kernel has to tell: on a busy machine it is over although changes came all the time, and
   * only after them it is known that none did.
   */
  #ring(timer: NodeJS.Timeout): void {
    const isOver = performance.now() >= this.#latestMs;
    if (!this.#busy && (this.#quiet === timer || isOver)) void this.#hand();
  }

  async #hand(): Promise<void> {
    if (this.#pending.size === 0) return;
    if (this.#options.hold?.() === true) {
      this.#wasHeld = true;
      return this.#armFor(heldMs);
    }
    // Whoever made the changes has finished before all of them are heard of: there is time for those, too.
    if (this.#wasHeld) {
      this.#wasHeld = false;
      this.#latestMs = performance.now() + longestMs;
      return this.#arm();
    }
    const changes = [...this.#pending.values()];
    clearTimeout(this.#quiet);
    this.#pending.clear();
    this.#busy = true;
    try {
      await this.#options.take(changes, this.#heardMs);
    } finally {
      this.#busy = false;
      if (this.#pending.size > 0) this.#arm();
    }
  }
}
