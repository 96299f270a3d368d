import type { Event } from '../../model/event.ts';
import type { Plan, Step } from '../../model/plan.ts';
import { doing, done, elapsed, reasonText, subjectText } from './words.ts';

/** One line of live progress: a container, volume or network and how far it is. Times are milliseconds since the epoch. */
export type Row = {
  readonly subject: string;
  readonly state: 'waiting' | 'active' | 'done' | 'failed' | 'skipped';
  readonly text: string;
  /** Why it is worked on, when that needs saying. */
  readonly reason?: string;
  readonly startedMs?: number;
  readonly endedMs?: number;
  /** Steps that have not ended. */
  readonly left: number;
};

/** The rows of a plan, in the order in which the plan first speaks of them. */
export function rowsOf(plan: Plan): ReadonlyMap<string, Row> {
  const rows = new Map<string, Row>();
  for (const step of plan.steps) {
    const subject = subjectText(step);
    const row = rows.get(subject) ?? { subject, state: 'waiting', text: 'waiting', left: 0 };
    rows.set(subject, { ...row, left: row.left + 1 });
  }
  return rows;
}

/**
 * The row after an event about it.
 *
 *     waiting ──started──▶ active ──done──▶ active (more steps) or done
 *        │                    └────failed──▶ failed, for good
 *        └──skipped──▶ skipped
 */
export function advance(row: Row, event: Extract<Event, { readonly step: Step }>): Row {
  const left = event.kind === 'step-started' ? row.left : row.left - 1;
  if (row.state === 'failed') return { ...row, left };
  switch (event.kind) {
    case 'step-started': {
      const reason = row.reason ?? reasonText(event.step);
      const startedMs = row.startedMs ?? event.atMs;
      const text = doing(event.step.action);
      return { ...row, state: 'active', text, startedMs, ...(reason === undefined ? {} : { reason }) };
    }
    case 'step-done': {
      const text = done(event.step.action);
      return { ...row, left, text, state: left === 0 ? 'done' : 'active', endedMs: event.atMs };
    }
    case 'step-failed':
      return { ...row, left, state: 'failed', text: event.failure.message, endedMs: event.atMs };
    case 'step-skipped':
      return { ...row, left, state: 'skipped', text: row.state === 'active' ? row.text : `not done: ${event.because}` };
  }
}

/** What has taken how long: `0.4s`; empty before it has begun. */
export function timeOf(row: Row, nowMs: number): string {
  if (row.startedMs === undefined) return '';
  return elapsed((row.state === 'active' ? nowMs : (row.endedMs ?? nowMs)) - row.startedMs);
}

const urgency = ['failed', 'active', 'waiting', 'skipped', 'done'] as const;

/** At most `room` rows, in their own order: what needs attention stays, what is finished goes first. */
export function mostUrgent(rows: readonly Row[], room: number): readonly Row[] {
  if (rows.length <= room) return rows;
  const ranked = [...rows].sort((a, b) => urgency.indexOf(a.state) - urgency.indexOf(b.state));
  const kept = new Set(ranked.slice(0, Math.max(0, room)));
  return rows.filter((row) => kept.has(row));
}
