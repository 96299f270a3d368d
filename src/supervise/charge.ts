import type { Health, ObservedContainer, ProbeResult } from '../model/state.ts';
import type { ContainerName, ProjectName } from '../model/units.ts';
import type { ProbeRequest, Watching } from '../runtime/runtime.ts';
import { unreachable } from '../util/assert.ts';
import { type Check, Checkup, type CheckupOptions, healthCheckOf, livenessCheckOf } from './checkup.ts';
import type { Clock } from './clock.ts';
import type { EventLog } from './event-log.ts';
import { HooksDue } from './hooks-due.ts';
import type { LogEntry, LogLine } from './log-entry.ts';
import { type LifeEvent, type LifeStep, newLife, stepLife } from './machine.ts';
import { goodLifeMs } from './restart-policy.ts';
import { restoreLife } from './restore.ts';
import type { Work } from './work.ts';

export type Surroundings = {
  readonly project: ProjectName;
  readonly runtime: Pick<Watching, 'probe' | 'recordHealth' | 'recordGivenUp'>;
  readonly clock: Clock;
  readonly log: EventLog;
  readonly work: Pick<
    Work,
    'restart' | 'restartDependents' | 'runPostStop' | 'finishStart' | 'restartUnhealthy' | 'stopUnhealthy'
  >;
  /** It may need no more time. */
  readonly onCalm: () => void;
};

/** A disk that is full costs others the word of it, and must not cost the project its supervisor. */
const noted = (written: Promise<void>): void => void written.catch(() => {});

/** One container in the supervisor's care: carries out what the reducers say, and keeps their timers. */
export class Charge {
  readonly #name: ContainerName;
  readonly #surroundings: Surroundings;
  #life = newLife;
  #last: ObservedContainer;
  #cancelTimer: (() => void) | undefined;
  #cancelLinger: (() => void) | undefined;
  readonly #health: Checkup | undefined;
  readonly #liveness: Checkup | undefined;
  readonly #hooks: HooksDue;

  /** `past`: what the event log has about it. */
  constructor(first: ObservedContainer, past: readonly LogLine[], surroundings: Surroundings) {
    this.#name = first.name;
    this.#last = first;
    this.#surroundings = surroundings;
    const { clock } = surroundings;
    this.#health = this.#makeHealth();
    this.#liveness = this.#makeLiveness();
    this.#hooks = this.#makeHooks();
    this.#take(restoreLife(past, { now: clock.now(), policy: first.config.restart }));
    this.see(first);
  }

  get last(): ObservedContainer {
    return this.#last;
  }

  /** Nobody but a resident process can do what has to be done for it next. */
  get needsTime(): boolean {
    const { kind } = this.#life;
    const isMoving = kind === 'backing-off' || kind === 'restarting' || this.#hooks.isWaiting;
    return isMoving || this.#cancelLinger !== undefined || this.#isChecked;
  }

  get #isChecked(): boolean {
    return this.#health?.isActive === true || this.#liveness?.isActive === true;
  }

  see(container: ObservedContainer): void {
    this.#last = container;
    this.#hooks.see(container);
    this.#check(container);
    this.#step({ kind: 'seen', container });
    this.#linger();
  }

  gone(): void {
    this.#step({ kind: 'gone' });
    this.close();
  }

  close(): void {
    this.#health?.end();
    this.#liveness?.end();
    this.#hooks.close();
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
          this.#hooks.settle();
          const onRefused = (message: string): void => this.#step({ kind: 'refused', message });
          work.restart({ ...effect, container: this.#name, onRefused });
          break;
        }
        case 'restarted':
          work.restartDependents(this.#last.service);
          break;
        case 'log':
          log.append({ ...effect.entry, atMs: clock.now(), container: this.#name });
          this.#giveUp(effect.entry);
          break;
        default:
          unreachable(effect);
      }
    }
  }

  #giveUp(entry: LogEntry): void {
    if (entry.kind !== 'left' || this.#life.kind !== 'over') return;
    const { reason } = entry;
    if (reason !== 'attempts-used-up' && reason !== 'start-limit') return;
    const { project, runtime } = this.#surroundings;
    noted(runtime.recordGivenUp(project, this.#name, { reason, endedAtMs: this.#life.endedAtMs }));
  }

  #makeHooks(): HooksDue {
    const { clock, work } = this.#surroundings;
    const onDue = (status: 'running' | 'exited'): void =>
      status === 'running' ? work.finishStart(this.#name) : work.runPostStop(this.#name);
    return new HooksDue({ clock, onDue });
  }

  /** The readiness probe or the health check: what it says of the container is what everybody goes by. */
  #makeHealth(): Checkup | undefined {
    const check = healthCheckOf(this.#last.config);
    const { project, runtime, onCalm } = this.#surroundings;
    return this.#checkup('health', check, {
      onRecord: (record) => noted(runtime.recordHealth(project, this.#name, record)),
      onBecame: (health, result) => {
        this.#logHealth(health, result);
        onCalm();
      },
    });
  }

  #makeLiveness(): Checkup | undefined {
    const check = livenessCheckOf(this.#last.config);
    const { work } = this.#surroundings;
    return this.#checkup('liveness', check, {
      onRecord: () => {},
      onBecame: (health, result) => {
        if (health !== 'unhealthy') return;
        this.#logHealth(health, result);
        if (check?.action === 'restart') work.restartUnhealthy(this.#name);
        if (check?.action === 'stop') work.stopUnhealthy(this.#name);
      },
    });
  }

  #checkup(
    purpose: ProbeRequest['purpose'],
    check: Check | undefined,
    reactions: Pick<CheckupOptions, 'onRecord' | 'onBecame'>,
  ): Checkup | undefined {
    if (check === undefined) return undefined;
    const { project, runtime, clock } = this.#surroundings;
    const request = { container: this.#name, check: check.check, purpose };
    return new Checkup({
      ...check,
      ...reactions,
      clock,
      probe: (timeoutMs, signal) => runtime.probe(project, { ...request, timeoutMs }, signal),
    });
  }

  #logHealth(health: Health, { exitCode, output }: ProbeResult): void {
    const { clock, log } = this.#surroundings;
    log.append({ kind: 'health', health, exitCode, output, atMs: clock.now(), container: this.#name });
  }

  #check({ status }: ObservedContainer): void {
    for (const checkup of [this.#health, this.#liveness]) {
      if (status.kind === 'paused') checkup?.pause();
      else if (status.kind === 'running')
        checkup?.see({ startedAtMs: status.startedAtMs, known: checkup === this.#health ? status.health : undefined });
      else checkup?.end();
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
