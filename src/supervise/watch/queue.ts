/** Works that must not overlap: each has its turn after those that were asked for before it, and none after `close`. */
export class Queue {
  readonly #onThrow: (error: unknown) => void;
  #last: Promise<void> = Promise.resolve();
  #closed = false;

  /** `onThrow`: what a work throws; the next one has its turn all the same. */
  constructor(onThrow: (error: unknown) => void) {
    this.#onThrow = onThrow;
  }

  /** Resolves when the work is done, or cannot have its turn any more. */
  take(work: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(() => (this.#closed ? undefined : work())).catch(this.#onThrow);
    return this.#last;
  }

  /** Resolves when the work at hand is done. */
  close(): Promise<void> {
    this.#closed = true;
    return this.#last;
  }
}
