import type { Clock } from '../../src/supervise/clock.ts';
import { settle } from './settle.ts';

/** Time that only passes when it is told to. */
export class FakeClock implements Clock {
  #now: number;
  #timers: { readonly atMs: number; readonly call: () => void }[] = [];

  constructor(startMs = 1_000_000) {
    this.#now = startMs;
  }

  now = (): number => this.#now;

  at = (atMs: number, call: () => void): (() => void) => {
    const timer = { atMs, call };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };

  /** Goes on for so long; what is due meanwhile happens in its order, with all that follows from it. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const [next] = [...this.#timers].sort((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > end) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#now = Math.max(this.#now, next.atMs);
      next.call();
      await settle();
    }
    this.#now = end;
  }
}
