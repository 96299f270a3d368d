import { callAfter } from '../runtime/timer.ts';

/** Time as an argument, so that tests need not wait for it. */
export type Clock = {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Calls once, at `atMs` or as soon after as possible; the answer takes it back. */
  readonly at: (atMs: number, call: () => void) => () => void;
};

export const systemClock: Clock = {
  now: Date.now,
  at: (atMs, call) => {
    // A timer of Node's takes a millisecond at least, of which a restart has few.
    if (atMs <= Date.now()) {
      const immediate = setImmediate(call);
      return () => clearImmediate(immediate);
    }
    // The distance is fixed now: a wall clock that is set afterwards moves nothing.
    return callAfter(atMs - Date.now(), call);
  },
};
