import type { Millis } from './units.ts';

/** `x-tscompose.probes`: looked at from outside by the supervisor. With `readiness`, the health check is not run. */
export type Probes = { readonly readiness?: Probe; readonly liveness?: LivenessProbe };

export type Probe = {
  readonly check: ProbeCheck;
  /** From the end of one probe to the next; of a `notify` liveness, the longest time between two WATCHDOG=1. */
  readonly intervalMs: Millis;
  /** A probe that takes longer has not passed. */
  readonly timeoutMs: Millis;
  /** Probes in a row that must not pass before the container is unhealthy, or `action` is taken; at least 1. */
  readonly retries: number;
  /** Until then after the start, a probe that does not pass does not count; the first that passes ends it. */
  readonly startPeriodMs: Millis;
};

export type LivenessProbe = Probe & {
  /** `restart` whatever the restart policy says; `stop` and leave stopped; `none` only shows it. */
  readonly action: 'restart' | 'stop' | 'none';
};

/** Ports are those in the container's network namespace. */
export type ProbeCheck =
  | {
      readonly kind: 'http';
      readonly scheme: 'http' | 'https';
      readonly port: number;
      /** With the query; begins with "/". */
      readonly path: string;
      /** Absent: any from 200 to 399. */
      readonly status?: number;
    }
  | { readonly kind: 'tcp'; readonly port: number }
  | { readonly kind: 'exec'; readonly argv: readonly string[]; readonly user?: string }
  /** Readiness only. A JavaScript regular expression, searched in each line since the start. */
  | { readonly kind: 'log'; readonly pattern: string }
  /** sd_notify(3): READY=1 for readiness, WATCHDOG=1 for liveness. */
  | { readonly kind: 'notify' };
