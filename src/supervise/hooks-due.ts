import type { ObservedContainer } from '../model/state.ts';
import type { Clock } from './clock.ts';
import { patienceMs } from './machine.ts';

export type HooksDueOptions = {
  readonly clock: Clock;
  /** Under the lock it turns out whether anything is left for us. */
  readonly onDue: (status: 'running' | 'exited') => void;
};

/**
 * When the supervisor looks after hooks that nobody has run: once for every start and every end. After an end that was asked
 * for they are the business of whoever asked, who may be killed or interrupted before it comes to them, and gets some time.
 */
export class HooksDue {
  readonly #options: HooksDueOptions;
  #moment: string | undefined;
  #waiting: { readonly cancel: () => void } | undefined;

  constructor(options: HooksDueOptions) {
    this.#options = options;
  }

  get isWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  see(container: ObservedContainer): void {
    const status = dueStatus(container);
    const moment = status && `${status.kind} ${status.startedAtMs}`;
    if (moment === this.#moment) return;
    this.close();
    this.#moment = moment;
    if (status === undefined) return;
    const { clock, onDue } = this.#options;
    if (status.kind === 'running' || !status.requested) {
      onDue(status.kind);
      return;
    }
    const leftMs = Math.min(patienceMs, Math.max(0, status.finishedAtMs + patienceMs - clock.now()));
    this.#waiting = { cancel: clock.at(clock.now() + leftMs, () => this.settle()) };
  }

  /** Now, because the container is to be started again. */
  settle(): void {
    if (this.#waiting === undefined) return;
    this.close();
    this.#options.onDue('exited');
  }

  close(): void {
    this.#waiting?.cancel();
    this.#waiting = undefined;
  }
}

/** A hook after a start that failed, or was interrupted, is left to whoever starts the container: it could hang for ever here. */
function dueStatus({ status, hooksLeft }: ObservedContainer) {
  if (hooksLeft === undefined) return undefined;
  return status.kind === 'exited' || (status.kind === 'running' && !hooksLeft.failed) ? status : undefined;
}
