import type { ObservedContainer } from '../model/state.ts';
import type { Clock } from './clock.ts';
import type { EventLog } from './event-log.ts';
import type { LogLine } from './log-entry.ts';
import { patienceMs } from './machine.ts';

/** The hooks after an end that are still to be run: all from that one on. */
export type OwedHooks = { readonly endedAtMs: number; readonly from: number };

/**
 * What is left of the hooks after the end that a container is in, because whoever ran them was killed or interrupted. One that
 * was under way when its runner was killed is run again; how much of it was done nobody knows.
 */
export function owedPostStop(
  lines: readonly LogLine[],
  { name, status, config }: ObservedContainer,
): OwedHooks | undefined {
  if (status.kind !== 'exited') return undefined;
  const endedAtMs = status.finishedAtMs;
  const ours = lines.filter(({ container }) => container === name);
  const end = ours.findIndex((line) => line.kind === 'ended' && line.endedAtMs === endedAtMs);
  // The end may be written down late, and the clock may have been set back since.
  const isAfter = ({ atMs }: LogLine, index: number): boolean => atMs >= endedAtMs || (end !== -1 && index > end);
  const from = ours.filter((line, index) => isPostStop(line) && isAfter(line, index)).length;
  return from < config.hooks.postStop.length ? { endedAtMs, from } : undefined;
}

/** Of an end that nobody asked for, and that a supervisor before us has seen. */
export function leftUndone(past: readonly LogLine[], container: ObservedContainer): OwedHooks | undefined {
  const { status } = container;
  if (status.kind !== 'exited' || status.requested) return undefined;
  const isSeen = past.some((line) => line.kind === 'ended' && line.endedAtMs === status.finishedAtMs);
  return isSeen ? owedPostStop(past, container) : undefined;
}

const isPostStop = (line: LogLine): boolean => line.kind === 'step' && line.action === 'post-stop hook';

export type HooksInWaitOptions = {
  readonly clock: Clock;
  readonly log: Pick<EventLog, 'read'>;
  /** Nobody has run them all, as far as is known: `look` says so once more, when the project is had. */
  readonly onOwed: (owed: OwedHooks, look: () => OwedHooks | undefined) => void;
  /** Somebody has. */
  readonly onSettled: () => void;
};

/**
 * The hooks after an end that somebody asked for. They are the business of whoever asked, who may be killed or interrupted
 * before it comes to them: so the event log is looked at when its patience is over.
 */
export class HooksInWait {
  readonly #options: HooksInWaitOptions;
  #endedAtMs: number | undefined;
  #cancel: (() => void) | undefined;
  #last: ObservedContainer | undefined;

  constructor(options: HooksInWaitOptions) {
    this.#options = options;
  }

  get isActive(): boolean {
    return this.#cancel !== undefined;
  }

  /** `past`: what the event log has about it, where that has been read. */
  see(container: ObservedContainer, past?: readonly LogLine[]): void {
    this.#last = container;
    const endedAtMs = requestedEnd(container);
    if (endedAtMs === this.#endedAtMs) return;
    this.close();
    this.#endedAtMs = endedAtMs;
    if (endedAtMs === undefined || (past !== undefined && owedPostStop(past, container) === undefined)) return;
    const { clock } = this.#options;
    const leftMs = Math.min(patienceMs, Math.max(0, endedAtMs + patienceMs - clock.now()));
    this.#cancel = clock.at(clock.now() + leftMs, () => this.settle());
  }

  /** Now, because the container is to be started again. */
  settle(): void {
    const endedAtMs = this.#endedAtMs;
    if (this.#cancel === undefined || endedAtMs === undefined) return;
    this.close();
    const look = (): OwedHooks | undefined => this.#owed(endedAtMs);
    const owed = look();
    if (owed === undefined) this.#options.onSettled();
    else this.#options.onOwed(owed, look);
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** A log that does not reach back to the end says nothing about what came after it. */
  #owed(endedAtMs: number): OwedHooks | undefined {
    const lines = this.#options.log.read();
    const reachesBack = lines.some(({ atMs }) => atMs <= endedAtMs);
    return reachesBack && this.#last !== undefined ? owedPostStop(lines, this.#last) : undefined;
  }
}

function requestedEnd({ status, config }: ObservedContainer): number | undefined {
  const isAsked = status.kind === 'exited' && status.requested && !status.reboot;
  return isAsked && config.hooks.postStop.length > 0 ? status.finishedAtMs : undefined;
}
