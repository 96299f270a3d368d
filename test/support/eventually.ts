/**
 * The only polling in the tests: calls `check` until it returns without throwing. What it threw last is why the test fails.
 * Checks observe state; they never change it.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  options: { readonly withinMs?: number } = {},
): Promise<T> {
  const withinMs = options.withinMs ?? 10_000;
  const deadline = performance.now() + withinMs;
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 1.5, 100)) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadline)
        throw new Error(`not within ${withinMs} ms: ${messageOf(error)}`, { cause: error });
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
