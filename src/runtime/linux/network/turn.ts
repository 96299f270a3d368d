import type { RuntimeFailure } from '../../../model/event.ts';
import { err, type Result } from '../../../util/result.ts';
import { KernelError } from '../native.ts';
import { failureOf } from './failure.ts';

export type Outcome = Result<void, RuntimeFailure>;

/** Work, one at a time, in the order of the calls. */
export class Turn {
  #last: Promise<void> = Promise.resolve();

  take(work: () => Promise<Outcome>): Promise<Outcome> {
    const run = this.#last.then(() => guarded(work));
    this.#last = run.then(() => {});
    return run;
  }
}

/** What the kernel refuses is an outcome. */
export async function guarded(work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof KernelError) return err(failureOf(error));
    throw error;
  }
}
