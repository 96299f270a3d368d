/** Time as an argument, so that tests need not wait for it. */
export type Clock = {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Calls once, at `atMs` or as soon after as possible; the answer takes it back. */
  readonly at: (atMs: number, call: () => void) => () => void;
};

/** What Node's timers can count. */
const longestMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: Date.now,
  at: (atMs, call) => {
    // A timer of Node's takes a millisecond at least, of which a restart has few.
    if (atMs <= Date.now()) {
      const immediate = setImmediate(call);
      return () => clearImmediate(immediate);
    }
    let timer: NodeJS.Timeout;
    // The distance is fixed now: a wall clock that is set afterwards moves nothing.
    const arm = (leftMs: number): void => {
      const stepMs = Math.min(Math.max(0, leftMs), longestMs);
      timer = setTimeout(() => (leftMs > stepMs ? arm(leftMs - stepMs) : call()), stepMs);
    };
    arm(atMs - Date.now());
    return () => clearTimeout(timer);
  },
};
