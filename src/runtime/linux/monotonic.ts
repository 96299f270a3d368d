/**
 * Milliseconds since the machine was started: the same in all processes, and nobody sets it. For `performance.now()` Node
 * loads a module when that is first asked for, which takes longer than what is saved by asking.
 */
export const monotonicMs = (): number => Number(process.hrtime.bigint() / 1_000_000n);

/** What was found a moment ago, as by preflight for what is done next: true enough that nobody looks again. */
export type Recent<T> = { readonly value: T; readonly atMs: number };

const momentMs = 1000;

export const recent = <T>(value: T): Recent<T> => ({ value, atMs: monotonicMs() });

/** Undefined for what was never found, too. */
export function stillTrue<T>(found: Recent<T> | undefined): T | undefined {
  return found !== undefined && monotonicMs() - found.atMs < momentMs ? found.value : undefined;
}
