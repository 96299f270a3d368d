import type { ExitedStatus, ObservedContainer } from '../../model/state.ts';
import { unreachable } from '../../util/assert.ts';

/**
 * What watch mode has done for one container. A life is named by when the container was made and started, so that a report
 * that comes twice is recognised.
 *
 *     ┌─────┐  seen running → serve   ┌────────┐  calm, and it failed → tell   ┌──────┐
 *     │ new │ ──────────────────────→ │ served │ ────────────────────────────→ │ told │
 *     └─────┘ ←──────── gone ──────── └────────┘ ←──────────────────────────── └──────┘
 *        │ ↑                              ↺          seen in a new life → serve    ↑ │
 *        │ └──────────────────────────────── gone ─────────────────────────────────┼─┘
 *        └──────────────────────── calm, and it failed → tell ─────────────────────┘
 */
export type Attended =
  | { readonly kind: 'new' }
  /** It has what it lacked when this life began. */
  | (Life & { readonly kind: 'served' })
  /** The end of this life has been told. */
  | (Life & { readonly kind: 'told'; readonly finishedAtMs: number });

type Life = { readonly createdAtMs: number; readonly startedAtMs: number };

export type AttendanceEvent =
  /** A report of the monitor, or a look at the machine. */
  | { readonly kind: 'seen'; readonly container: ObservedContainer }
  /** Nobody changes the project any more, and the container has come to this; undefined: it is gone. */
  | { readonly kind: 'calm'; readonly container: ObservedContainer | undefined }
  | { readonly kind: 'gone' };

export type AttendanceEffect =
  /** Bring into the container what it lacks. */
  | { readonly kind: 'serve'; readonly container: ObservedContainer }
  /** It has ended; whether somebody meant it to is known when nobody changes the project any more: `calm`. */
  | { readonly kind: 'ask-when-calm' }
  | { readonly kind: 'tell'; readonly status: ExitedStatus }
  | { readonly kind: 'leave' };

export type AttendanceStep = { readonly state: Attended; readonly effects: readonly AttendanceEffect[] };

export const unattended: Attended = { kind: 'new' };

/** `watched`: the container's service has rules that count. */
export function attend(state: Attended, event: AttendanceEvent, watched: boolean): AttendanceStep {
  switch (event.kind) {
    case 'seen':
      return see(state, event.container, watched);
    case 'calm':
      return event.container === undefined ? stay(state) : judgeEnd(state, event.container, watched);
    case 'gone':
      return { state: unattended, effects: [{ kind: 'leave' }] };
    default:
      return unreachable(event);
  }
}

const stay = (state: Attended): AttendanceStep => ({ state, effects: [] });

function see(state: Attended, container: ObservedContainer, watched: boolean): AttendanceStep {
  const { status, createdAtMs } = container;
  switch (status.kind) {
    case 'running': {
      const { startedAtMs } = status;
      if (state.kind !== 'new' && state.createdAtMs === createdAtMs && state.startedAtMs === startedAtMs) {
        return stay(state);
      }
      const effects = watched ? [{ kind: 'serve', container } as const] : [];
      return { state: { kind: 'served', createdAtMs, startedAtMs }, effects };
    }
    case 'exited':
      if (!watched || isTold(state, status)) return stay(state);
      return { state, effects: [{ kind: 'ask-when-calm' }] };
    // What is paused is seen running again, and what could not be started has been explained to whoever started it.
    case 'created':
    case 'paused':
    case 'failed':
      return stay(state);
    default:
      return unreachable(status);
  }
}

function judgeEnd(state: Attended, container: ObservedContainer, watched: boolean): AttendanceStep {
  const { status, createdAtMs, stoppedByUser } = container;
  if (!watched || status.kind !== 'exited' || stoppedByUser || status.exitCode === 0) return stay(state);
  if (isTold(state, status)) return stay(state);
  const { startedAtMs, finishedAtMs } = status;
  return { state: { kind: 'told', createdAtMs, startedAtMs, finishedAtMs }, effects: [{ kind: 'tell', status }] };
}

const isTold = (state: Attended, { finishedAtMs }: ExitedStatus): boolean =>
  state.kind === 'told' && state.finishedAtMs === finishedAtMs;
