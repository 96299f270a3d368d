import { expect, test } from 'vitest';
import { exitText, restartingText, spanText, statusText } from '../../../../src/cli/render/status.ts';

const now = 10_000_000;
const exited = { kind: 'exited', oomKilled: false, startedAtMs: 0, finishedAtMs: now - 120_000 } as const;

test('each status in words', () => {
  const running = { kind: 'running', pid: 1, startedAtMs: now - 3000 } as const;
  const texts = [
    statusText({ kind: 'created' }, now),
    statusText(running, now),
    statusText({ ...running, health: 'unhealthy' }, now),
    statusText({ kind: 'paused', pid: 1, startedAtMs: now - 60_000 }, now),
    statusText({ ...exited, exitCode: 0 }, now),
    statusText({ kind: 'failed', message: 'cannot run "x"', exitCode: 127, finishedAtMs: now }, now),
  ];
  expect(texts).toEqual([
    'Created',
    'Up 3 seconds',
    'Up 3 seconds (unhealthy)',
    'Up 1 minute (paused)',
    'Exited (0) 2 minutes ago',
    'Failed (127) less than a second ago: cannot run "x"',
  ]);
});

test('between two lives the last end is told, until the next one is being set up', () => {
  const texts = [
    restartingText({ kind: 'created', again: true }, now),
    restartingText({ ...exited, exitCode: 3 }, now),
    restartingText({ ...exited, exitCode: null, reboot: true }, now),
    restartingText({ kind: 'failed', message: 'cannot run "x"', exitCode: 127, finishedAtMs: now }, now),
  ];
  expect(texts).toEqual([
    'Restarting',
    'Restarting (3) 2 minutes ago',
    'Exited (ended by reboot)',
    'Restarting (127) less than a second ago: cannot run "x"',
  ]);
});

test('an exit says what killed it: memory before the signal that did it', () => {
  const killed = { exitCode: 137, signal: 'SIGKILL' } as const;
  expect(exitText({ ...killed, oomKilled: true })).toBe('137, out of memory');
  expect(exitText({ ...killed, oomKilled: false })).toBe('137, SIGKILL');
  expect(exitText({ exitCode: null, oomKilled: false })).toBe('unknown');
});

test('a span is told in its largest whole unit', () => {
  const hour = 3_600_000;
  expect([0, 999, 1000, 59_999, hour, 36 * hour, 24 * 15 * hour, -5].map(spanText)).toEqual([
    'less than a second',
    'less than a second',
    '1 second',
    '59 seconds',
    '1 hour',
    '1 day',
    '2 weeks',
    'less than a second',
  ]);
});
