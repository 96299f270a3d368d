import type { ObservedContainer } from '../model/state.ts';
import type { ContainerName } from '../model/units.ts';
import { unreachable } from '../util/assert.ts';
import type { Clock } from './clock.ts';
import type { EventLog } from './event-log.ts';
import type { LogLine } from './log-entry.ts';
import { type LifeEvent, type LifeStep, newLife, stepLife } from './machine.ts';
import { goodLifeMs } from './restart-policy.ts';
import { restoreLife } from './restore.ts';
import type { Work } from './work.ts';

export type Surroundings = {
  readonly clock: Clock;
  readonly log: EventLog;
  readonly work: Pick<Work, 'restart' | 'restartDependents'>;
  /** It may need no more time. */
  readonly onCalm: () => void;
};

/** One container in the supervisor's care: carries out what the reducers say, and keeps their timers. */
export class Charge {
  readonly #name: ContainerName;
  readonly #surroundings: Surroundings;
  #life = newLife;
  #last: ObservedContainer;
  #cancelTimer: (() => void) | undefined;
  #cancelLinger: (() => void) | undefined;

  /** `past`: what the event log has about it. */
  constructor(first: ObservedContainer, past: readonly LogLine[], surroundings: Surroundings) {
    this.#name = first.name;
    this.#last = first;
    this.#surroundings = surroundings;
    const { clock } = surroundings;
    this.#take(restoreLife(past, { now: clock.now(), policy: first.config.restart }));
    this.see(first);
  }

  get last(): ObservedContainer {
    return this.#last;
  }

  /** Nobody but a resident process can do what has to be done for it next. */
  get needsTime(): boolean {
    const { kind } = this.#life;
    return kind === 'backing-off' || kind === 'restarting' || this.#cancelLinger !== undefined;
  }

  see(container: ObservedContainer): void {
    this.#last = container;
    this.#step({ kind: 'seen', container });
    this.#linger();
  }

  gone(): void {
    this.#step({ kind: 'gone' });
    this.close();
  }

  close(): void {
    this.#cancelTimer?.();
    this.#cancelLinger?.();
    this.#cancelLinger = undefined;
  }

  #step(event: LifeEvent): void {
    const { config } = this.#last;
    this.#take(stepLife(this.#life, event, { now: this.#surroundings.clock.now(), policy: config.restart }));
  }

  #take({ state, effects }: LifeStep): void {
    const { clock, log, work } = this.#surroundings;
    this.#life = state;
    for (const effect of effects) {
      switch (effect.kind) {
        case 'timer':
          this.#cancelTimer?.();
          this.#cancelTimer = clock.at(effect.atMs, () => this.#step({ kind: 'due' }));
          break;
        case 'no-timer':
          this.#cancelTimer?.();
          break;
        case 'restart': {
          const onRefused = (message: string): void => this.#step({ kind: 'refused', message });
          work.restart({ ...effect, container: this.#name, onRefused });
          break;
        }
        case 'restarted':
          work.restartDependents(this.#last.service);
          break;
        case 'log':
          log.append({ ...effect.entry, atMs: clock.now(), container: this.#name });
          break;
        default:
          unreachable(effect);
      }
    }
  }

  /** A life that has just begun anew may be one more of a crash loop: then the next end finds us here. */
  #linger(): void {
    this.#cancelLinger?.();
    this.#cancelLinger = undefined;
    const { status, restarts } = this.#last;
    const { clock, onCalm } = this.#surroundings;
    if (status.kind !== 'running' || restarts === 0) return;
    const untilMs = status.startedAtMs + goodLifeMs;
    if (untilMs <= clock.now() || untilMs > clock.now() + goodLifeMs) return;
    this.#cancelLinger = clock.at(untilMs, () => {
      this.#cancelLinger = undefined;
      onCalm();
    });
  }
}
