import type { Health } from '../model/state.ts';
import type { ContainerName } from '../model/units.ts';
import type { LeaveReason } from './restart-policy.ts';

/** What the event log remembers of a container: everything `why` tells. Times are milliseconds since the epoch. */
export type LogEntry =
  | { readonly kind: 'started'; readonly startedAtMs: number; readonly restarts: number }
  | {
      readonly kind: 'ended';
      readonly endedAtMs: number;
      readonly startedAtMs: number;
      readonly exitCode: number | null;
      readonly signal?: string;
      readonly oomKilled: boolean;
      readonly requested?: true;
      readonly stoppedByUser: boolean;
    }
  | { readonly kind: 'failed'; readonly endedAtMs: number; readonly exitCode: number; readonly message: string }
  | { readonly kind: 'restart-planned'; readonly attempt: number; readonly delayMs: number }
  | { readonly kind: 'restart-refused'; readonly message: string; readonly delayMs: number }
  | { readonly kind: 'left'; readonly reason: LeaveReason }
  | { readonly kind: 'health'; readonly health: Health; readonly exitCode: number | null; readonly output: string }
  /** A step of a command or of the supervisor: who did what, and why. */
  | {
      readonly kind: 'step';
      /** `up`, `stop` …, or `supervise`. */
      readonly by: string;
      readonly action: string;
      readonly cause: string;
      readonly failure?: string;
      /** Of a start: when the life began that it made, or could not begin. */
      readonly lifeAtMs?: number;
    }
  | { readonly kind: 'removed' };

/** One line of the log. */
export type LogLine = LogEntry & { readonly atMs: number; readonly container: ContainerName };
