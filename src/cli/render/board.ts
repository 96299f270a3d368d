import type { Event } from '../../model/event.ts';
import type { Plan, Step } from '../../model/plan.ts';
import { doing, elapsed, expected, outcome, reasonText, subjectText } from './words.ts';

/** One line of live progress: a container, volume or network and how far it is. Times are milliseconds since the epoch. */
export type Row = {
  readonly subject: string;
  readonly state: 'waiting' | 'active' | 'done' | 'failed' | 'skipped';
  /** What was done to it last, or is being done; undefined before anything was. */
  readonly text?: string;
  /** What has to happen elsewhere before it goes on. */
  readonly waits?: { readonly text: string; readonly sinceMs: number };
  /** Why it is worked on, when that needs saying. */
  readonly reason?: string;
  readonly startedMs?: number;
  readonly endedMs?: number;
  /** Steps that have not ended. */
  readonly left: number;
};

type StepEvent = Extract<Event, { readonly step: Step }>;

/**
 * How far everything is that a command works on. A later round of plans goes on with the rows that are there.
 *
 *     waiting ──started──▶ active ──done──▶ active (more steps) or done
 *        │                    └────failed──▶ failed, for good
 *        └──skipped──▶ skipped
 */
export class Board {
  readonly #rows = new Map<string, Row>();
  /** Steps that have not ended, in the order of the plan. */
  #open = new Map<string, Step>();
  readonly #running = new Set<string>();
  /** When each row was last heard of. */
  readonly #lastMs = new Map<string, number>();
  #beganMs = 0;

  /** A round begins. */
  begin({ steps }: Plan, atMs: number): void {
    this.#open = new Map(steps.map((step) => [step.id, step]));
    this.#running.clear();
    this.#beganMs = atMs;
    for (const [subject, row] of this.#rows) {
      // What an earlier round left open is settled, or comes again below.
      if (row.left > 0 && row.text === undefined) this.#rows.delete(subject);
      else if (row.left > 0) this.#rows.set(subject, { ...row, state: 'done', left: 0 });
    }
    for (const step of steps) {
      const subject = subjectText(step);
      const row = this.#rows.get(subject) ?? { subject, left: 0 };
      this.#rows.set(subject, { ...row, state: 'waiting', left: row.left + 1 });
    }
  }

  /** The row after it; undefined when no plan has spoken of it. */
  event(event: StepEvent): Row | undefined {
    const { step } = event;
    const subject = subjectText(step);
    const row = this.#rows.get(subject);
    if (event.kind === 'step-started') this.#running.add(step.id);
    else {
      this.#open.delete(step.id);
      this.#running.delete(step.id);
    }
    if ('atMs' in event) this.#lastMs.set(subject, event.atMs);
    if (row === undefined) return undefined;
    const next = advance(row, event);
    this.#rows.set(subject, next);
    return next;
  }

  /** In the order in which the plans first spoke of them. */
  rows(): readonly Row[] {
    const awaited = this.#awaited();
    return [...this.#rows.values()].map((row) => {
      const text = awaited.get(row.subject);
      if (text === undefined) return row;
      return { ...row, waits: { text, sinceMs: this.#lastMs.get(row.subject) ?? this.#beganMs } };
    });
  }

  /** By subject, for those with which nothing is being done: the first step of another one that has to come before. */
  #awaited(): ReadonlyMap<string, string> {
    const busy = new Set([...this.#running].flatMap((id) => this.#subjectOf(id) ?? []));
    const awaited = new Map<string, string>();
    const seen = new Set<string>();
    for (const step of this.#open.values()) {
      const subject = subjectText(step);
      if (busy.has(subject) || seen.has(subject)) continue;
      seen.add(subject);
      const others = step.after
        .flatMap((id) => this.#open.get(id) ?? [])
        .filter((before) => subjectText(before) !== subject);
      // Waiting for something to become healthy says more than waiting for its start.
      const before = others.find(({ action }) => action.kind === 'wait') ?? others[0];
      if (before !== undefined) awaited.set(subject, `${subjectText(before)} ${expected(before.action)}`);
    }
    return awaited;
  }

  #subjectOf(id: string): string | undefined {
    const step = this.#open.get(id);
    return step && subjectText(step);
  }
}

/** The row after an event about it. */
function advance(row: Row, event: StepEvent): Row {
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
      const text = outcome(event);
      return { ...row, left, text, state: left === 0 ? 'done' : 'active', endedMs: event.atMs };
    }
    case 'step-failed':
      return { ...row, left, state: 'failed', text: event.failure.message, endedMs: event.atMs };
    case 'step-skipped': {
      const text = row.state === 'active' && row.text !== undefined ? row.text : `not done: ${event.because}`;
      return { ...row, left, state: 'skipped', text };
    }
  }
}

/** What has taken how long: `0.4s`; empty before it has begun. */
export function timeOf(row: Row, nowMs: number): string {
  if (row.startedMs === undefined) return '';
  const goesOn = row.state === 'active' || row.state === 'waiting';
  return elapsed((goesOn ? nowMs : (row.endedMs ?? nowMs)) - row.startedMs);
}

/** What is said of a row: `created, waiting 3.2s for shop-db-1 to be healthy`. */
export function statusOf({ state, text, waits, reason }: Row, nowMs: number): string {
  const because = reason === undefined ? '' : `: ${reason}`;
  if (waits === undefined || state === 'failed' || state === 'skipped' || state === 'done')
    return `${text ?? 'waiting'}${because}`;
  const wait = `waiting ${elapsed(nowMs - waits.sinceMs)} for ${waits.text}`;
  return `${text === undefined ? wait : `${text}, ${wait}`}${because}`;
}

const urgency = ['failed', 'active', 'waiting', 'skipped', 'done'] as const;

/** At most `room` rows, in their own order: what needs attention stays, what is finished goes first. */
export function mostUrgent(rows: readonly Row[], room: number): readonly Row[] {
  if (rows.length <= room) return rows;
  const ranked = [...rows].sort((a, b) => urgency.indexOf(a.state) - urgency.indexOf(b.state));
  const kept = new Set(ranked.slice(0, Math.max(0, room)));
  return rows.filter((row) => kept.has(row));
}
