import type { RuntimeFailure } from '../../../model/event.ts';
import { ok, type Result } from '../../../util/result.ts';
import type { Outcome } from '../../runtime.ts';
import type { SessionContext } from './context.ts';

type Held = Promise<Result<void, RuntimeFailure>>;
type Shared = Pick<SessionContext, 'launcher' | 'network' | 'warn' | 'relock'>;

/**
 * The project's lock within a session. While there is nothing to do but wait, others may have the project: what is
 * waited for may need a restart by the supervisor, and a `stop` from another terminal must not be kept waiting.
 */
export class Turns {
  readonly #context: Shared;
  #working = 0;
  #waiting = 0;
  #yielded = false;
  /** Giving away and taking again, one after the other. */
  #change: Held = Promise.resolve(ok(undefined));

  constructor(context: Shared) {
    this.#context = context;
  }

  /** Runs `action` with the lock. */
  async work(action: () => Outcome): Outcome {
    this.#working++;
    try {
      const held = await this.take();
      return held.ok ? await action() : held;
    } finally {
      this.#working--;
      this.#yieldIfIdle();
    }
  }

  /** Runs `action` without caring for the lock. */
  async wait(action: () => Outcome): Outcome {
    this.#waiting++;
    this.#yieldIfIdle();
    try {
      return await action();
    } finally {
      this.#waiting--;
    }
  }

  /** Until the lock is ours again. */
  take(): Held {
    if (!this.#yielded) return this.#change;
    this.#yielded = false;
    this.#change = this.#change.then(() => this.#context.relock());
    return this.#change;
  }

  #yieldIfIdle(): void {
    // Not at once: a wait for what is the case already is over before anybody else could do something.
    setImmediate(() => {
      if (this.#working > 0 || this.#waiting === 0 || this.#yielded) return;
      this.#yielded = true;
      this.#change = this.#change.then(() => this.#yield());
    });
  }

  async #yield(): Held {
    const { launcher, network, warn } = this.#context;
    const settled = await network.close();
    if (!settled.ok) warn(settled.error.message);
    launcher.yield();
    return ok(undefined);
  }
}
