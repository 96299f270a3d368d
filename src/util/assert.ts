/** A mistake of ours, never of the user or the machine. Caught once in a program, and told by `cli/after-throw.ts`. */
export class InternalError extends Error {
  override readonly name = 'InternalError';
}

/** States a fact the rest of the function relies on; `why` completes the sentence "this cannot happen because …". */
export function invariant(condition: unknown, why: string): asserts condition {
  if (!condition) throw new InternalError(why);
}

/** The default branch of an exhaustive switch: the compiler proves it is never reached. */
export function unreachable(value: never): never {
  throw new InternalError(`unexpected value ${JSON.stringify(value)}`);
}
