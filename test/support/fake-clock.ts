/** A clock that only moves when a test says so; timers fire in the order of their times, then of their making. */
export class FakeClock {
  #now: number;
  #timers: { readonly atMs: number; readonly call: () => void }[] = [];

  constructor(startMs = 1_000_000) {
    this.#now = startMs;
  }

  now = (): number => this.#now;

  /** Calls back once after `delayMs`; the result takes it back. */
  after = (delayMs: number, call: () => void): (() => void) => {
    const timer = { atMs: this.#now + Math.max(0, delayMs), call };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };

  get pending(): number {
    return this.#timers.length;
  }

  /** Moves on by `ms`, firing what falls due; whatever the fired ones set in motion settles in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const due = this.#timers.filter(({ atMs }) => atMs <= end).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#now = Math.max(this.#now, due.atMs);
      due.call();
      await settle();
    }
    this.#now = end;
  }
}

/** Until every promise that can settle without time has settled. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
