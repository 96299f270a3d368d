/** What Node's timers can count, some 25 days: a longer one fires at once. */
const longestMs = 2 ** 31 - 1;

/** Calls once, after so many milliseconds, however many; the answer takes it back. */
export function callAfter(ms: number, call: () => void, { keepsAlive = true } = {}): () => void {
  let timer: NodeJS.Timeout;
  const arm = (leftMs: number): void => {
    const stepMs = Math.min(Math.max(0, leftMs), longestMs);
    timer = setTimeout(() => (leftMs > stepMs ? arm(leftMs - stepMs) : call()), stepMs);
    if (!keepsAlive) timer.unref();
  };
  arm(ms);
  return () => clearTimeout(timer);
}

/** As AbortSignal.timeout, which fires at once after 25 days and throws after 50: keeps no process alive. */
export function abortAfter(ms: number): AbortSignal {
  const over = new AbortController();
  callAfter(ms, () => over.abort(), { keepsAlive: false });
  return over.signal;
}

/** Keeps the whole process still, for a moment in which nothing else could be done. */
export function pauseSync(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
