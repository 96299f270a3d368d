import type { ContainerConfig, LivenessProbe, Probe, ProbeCheck } from '../model/project.ts';
import type { Health, HealthRecord, ProbeResult } from '../model/state.ts';
import { unreachable } from '../util/assert.ts';
import type { Clock } from './clock.ts';
import {
  beginHealth,
  type CheckTimes,
  type HealthEvent,
  type HealthState,
  type HealthStep,
  stepHealth,
} from './health.ts';

/** What is looked at, and when. */
export type Check = {
  readonly check: ProbeCheck;
  readonly times: CheckTimes;
  /** What has been said stays said: after the first success nothing is looked at any more in this life. */
  readonly once?: boolean;
};

export type CheckupOptions = Check & {
  readonly clock: Clock;
  readonly probe: (timeoutMs: number, signal: AbortSignal) => Promise<ProbeResult>;
  readonly onRecord: (record: HealthRecord) => void;
  readonly onBecame: (health: Health, result: ProbeResult) => void;
};

/** A command costs a process, a look at a port nearly nothing: that may be done often until it is answered. */
const earlyCommand = { firstMs: 100, factor: 2 };
const earlyDial = { firstMs: 5, factor: 1.2 };
/** It has nothing to wait for: it hears of every line, or of every word. */
const noWait = { firstMs: 0, factor: 1 };

/** What decides about health: the readiness probe, else the health check. */
export function healthCheckOf({ healthcheck, probes }: ContainerConfig): Check | undefined {
  if (probes?.readiness !== undefined) return readinessOf(probes.readiness);
  if (healthcheck === undefined) return undefined;
  const { argv, ...times } = healthcheck;
  return { check: { kind: 'exec', argv }, times: { ...times, early: earlyCommand } };
}

export function livenessCheckOf({ probes }: ContainerConfig): (Check & Pick<LivenessProbe, 'action'>) | undefined {
  if (probes?.liveness === undefined) return undefined;
  const { action, ...probe } = probes.liveness;
  const { check, times } = ofProbe(probe);
  // There is nothing to wait for: it was said within the interval, or it was not.
  return { check, action, times: check.kind === 'notify' ? { ...times, timeoutMs: probe.intervalMs } : times };
}

function readinessOf(probe: Probe): Check {
  const { check, times } = ofProbe(probe);
  if (check.kind !== 'log' && check.kind !== 'notify') return { check, times };
  // It listens without a gap: an interval is how long it listens before that counts as a miss.
  const noGap = 1 as typeof probe.intervalMs;
  const always = { ...times, intervalMs: noGap, startIntervalMs: noGap, timeoutMs: probe.intervalMs, early: noWait };
  return { check, times: always, once: true };
}

function ofProbe({ check, intervalMs, timeoutMs, retries, startPeriodMs }: Probe): Check {
  const early = check.kind === 'tcp' || check.kind === 'http' ? earlyDial : earlyCommand;
  return { check, times: { intervalMs, timeoutMs, retries, startPeriodMs, startIntervalMs: intervalMs, early } };
}

/** Carries out what the reducer of `health.ts` says for one check of one container, life by life. */
export class Checkup {
  readonly #options: CheckupOptions;
  #state: HealthState | undefined;
  #cancelTimer: (() => void) | undefined;
  #probing: AbortController | undefined;

  constructor(options: CheckupOptions) {
    this.#options = options;
  }

  /** Something is still to be looked at. */
  get isActive(): boolean {
    return this.#state !== undefined;
  }

  /** The container runs. `known`: what a predecessor has found out about this life. */
  see({ startedAtMs, known }: { readonly startedAtMs: number; readonly known?: Health | undefined }): void {
    if (this.#state?.startedAtMs === startedAtMs) this.#step({ kind: 'resumed' });
    else this.#begin(startedAtMs, known);
  }

  #begin(startedAtMs: number, known: Health | undefined): void {
    this.end();
    const { times, clock, once } = this.#options;
    if (once && known === 'healthy') return;
    this.#take(beginHealth(times, { startedAtMs, now: clock.now(), known }));
  }

  pause(): void {
    this.#step({ kind: 'paused' });
  }

  end(): void {
    this.#cancelTimer?.();
    this.#probing?.abort();
    this.#probing = undefined;
    this.#state = undefined;
  }

  #step(event: HealthEvent): void {
    if (this.#state === undefined) return;
    const { clock, times } = this.#options;
    this.#take(stepHealth(this.#state, event, { now: clock.now(), check: times }));
  }

  #take({ state, effects }: HealthStep): void {
    const { clock, once, onRecord, onBecame } = this.#options;
    this.#state = state;
    for (const effect of effects) {
      switch (effect.kind) {
        case 'timer':
          this.#cancelTimer?.();
          this.#cancelTimer = clock.at(effect.atMs, () => this.#step({ kind: 'due' }));
          break;
        case 'no-timer':
          this.#cancelTimer?.();
          break;
        case 'probe':
          this.#probe(effect.timeoutMs);
          break;
        case 'cancel-probe':
          this.#probing?.abort();
          break;
        case 'record':
          onRecord(effect.record);
          break;
        case 'became':
          if (once && effect.health === 'healthy') this.end();
          onBecame(effect.health, effect.result);
          // What follows from it may have ended this life.
          if (this.#state !== state) return;
          break;
        default:
          unreachable(effect);
      }
    }
  }

  #probe(timeoutMs: number): void {
    const probing = new AbortController();
    this.#probing = probing;
    void this.#options.probe(timeoutMs, probing.signal).then((result) => {
      if (!probing.signal.aborted) this.#step({ kind: 'result', result });
    });
  }
}
