import { describe, expect, test } from 'vitest';
import type { ContainerStatus, ObservedContainer } from '../../../../src/model/state.ts';
import {
  type AttendanceEffect,
  type AttendanceEvent,
  type AttendanceStep,
  type Attended,
  attend,
  unattended,
} from '../../../../src/supervise/watch/attendance.ts';
import { desiredState, observe } from '../../../support/builders.ts';

const [web] = desiredState([{ name: 'web' }]).containers;
const container = (status: ContainerStatus, rest: Partial<ObservedContainer> = {}): ObservedContainer =>
  observe(web!, { status, createdAtMs: 500, ...rest });
const seen = (status: ContainerStatus, rest?: Partial<ObservedContainer>): AttendanceEvent => ({
  kind: 'seen',
  container: container(status, rest),
});
const calm = (status: ContainerStatus, rest?: Partial<ObservedContainer>): AttendanceEvent => ({
  kind: 'calm',
  container: container(status, rest),
});
const runningSince = (startedAtMs: number): ContainerStatus => ({ kind: 'running', pid: 7, startedAtMs });
const exited = (finishedAtMs: number, exitCode: number | null = 1): ContainerStatus => ({
  kind: 'exited',
  exitCode,
  oomKilled: false,
  startedAtMs: 1000,
  finishedAtMs,
});

const states: { readonly [state: string]: Attended } = {
  new: unattended,
  served: { kind: 'served', createdAtMs: 500, startedAtMs: 1000 },
  told: { kind: 'told', createdAtMs: 500, startedAtMs: 1000, finishedAtMs: 2000 },
};

const events: { readonly [event: string]: AttendanceEvent } = {
  created: seen({ kind: 'created' }),
  'running, as known': seen(runningSince(1000)),
  'running, started again': seen(runningSince(3000)),
  'running, made anew': seen(runningSince(1000), { createdAtMs: 900 }),
  paused: seen({ kind: 'paused', pid: 7, startedAtMs: 3000 }),
  ended: seen(exited(2000)),
  'ended later': seen(exited(4000)),
  'could not start': seen({ kind: 'failed', message: 'cannot', exitCode: 127, finishedAtMs: 2000 }),
  'calm: failed': calm(exited(2000)),
  'calm: failed later': calm(exited(4000)),
  'calm: nobody knows how': calm(exited(4000, null)),
  'calm: done': calm(exited(4000, 0)),
  'calm: stopped by the user': calm(exited(4000), { stoppedByUser: true }),
  'calm: runs again': calm(runningSince(3000)),
  'calm: could not start': calm({ kind: 'failed', message: 'cannot', exitCode: 127, finishedAtMs: 4000 }),
  'calm: gone': { kind: 'calm', container: undefined },
  gone: { kind: 'gone' },
};

/** What is known then, and what is done; nothing of either: nothing changes. */
const table: { readonly [state: string]: { readonly [event: string]: string } } = {
  new: {
    created: '',
    'running, as known': 'served 500/1000: serve',
    'running, started again': 'served 500/3000: serve',
    'running, made anew': 'served 900/1000: serve',
    paused: '',
    ended: 'ask-when-calm',
    'ended later': 'ask-when-calm',
    'could not start': '',
    'calm: failed': 'told 500/1000/2000: tell 1',
    'calm: failed later': 'told 500/1000/4000: tell 1',
    'calm: nobody knows how': 'told 500/1000/4000: tell null',
    'calm: done': '',
    'calm: stopped by the user': '',
    'calm: runs again': '',
    'calm: could not start': '',
    'calm: gone': '',
    gone: 'leave',
  },
  served: {
    created: '',
    'running, as known': '',
    'running, started again': 'served 500/3000: serve',
    'running, made anew': 'served 900/1000: serve',
    paused: '',
    ended: 'ask-when-calm',
    'ended later': 'ask-when-calm',
    'could not start': '',
    'calm: failed': 'told 500/1000/2000: tell 1',
    'calm: failed later': 'told 500/1000/4000: tell 1',
    'calm: nobody knows how': 'told 500/1000/4000: tell null',
    'calm: done': '',
    'calm: stopped by the user': '',
    'calm: runs again': '',
    'calm: could not start': '',
    'calm: gone': '',
    gone: 'new: leave',
  },
  told: {
    created: '',
    // A report that was under way while the end was told.
    'running, as known': '',
    'running, started again': 'served 500/3000: serve',
    'running, made anew': 'served 900/1000: serve',
    paused: '',
    ended: '',
    'ended later': 'ask-when-calm',
    'could not start': '',
    'calm: failed': '',
    'calm: failed later': 'told 500/1000/4000: tell 1',
    'calm: nobody knows how': 'told 500/1000/4000: tell null',
    'calm: done': '',
    'calm: stopped by the user': '',
    'calm: runs again': '',
    'calm: could not start': '',
    'calm: gone': '',
    gone: 'new: leave',
  },
};

function summary(before: Attended, { state, effects }: AttendanceStep): string {
  const done = effects.map(effectText).join(', ');
  if (state === before) return done;
  const { kind, ...life } = state;
  return `${[kind, Object.values(life).join('/')].join(' ').trim()}: ${done}`;
}
const effectText = (effect: AttendanceEffect): string =>
  effect.kind === 'tell' ? `tell ${effect.status.exitCode}` : effect.kind;

describe('what watch mode does for a container: every event in every state', () => {
  for (const [name, state] of Object.entries(states))
    for (const [event, given] of Object.entries(events))
      test(`${name}: ${event}`, () => {
        expect(summary(state, attend(state, given, true))).toBe(table[name]?.[event]);
      });

  // Of a service without rules only the life is remembered, so that rules which come later change nothing of it.
  for (const [name, state] of Object.entries(states))
    for (const [event, given] of Object.entries(events))
      test(`without rules, ${name}: ${event}`, () => {
        const { effects } = attend(state, given, false);
        expect(effects.map(effectText)).toEqual(given.kind === 'gone' ? ['leave'] : []);
      });
});
