/**
 * What is awaited only after something else. Should that throw, or come to an end later, the rejection of this one has
 * nobody who waits for it, and Vitest makes the whole run fail for it, whatever its tests say. It is not lost: whoever
 * awaits the promise still gets it.
 */
export function later<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** Rejects when the work is not done in time; the work itself goes on. */
export function within<T>(ms: number, work: Promise<T>, say: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(say())), ms);
  });
  return Promise.race([work, deadline]).finally(() => clearTimeout(timer));
}
