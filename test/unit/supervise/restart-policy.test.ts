import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RestartPolicy } from '../../../src/model/project.ts';
import type { Millis } from '../../../src/model/units.ts';
import {
  backOffMs,
  type End,
  freshHistory,
  type History,
  judgeEnd,
  type Verdict,
} from '../../../src/supervise/restart-policy.ts';

const ms = (value: number): Millis => value as Millis;
const end = (exitCode: number | null, lifeMs = 50, atMs = 1000): End => ({ exitCode, lifeMs, atMs, failed: false });
const outcome = (policy: RestartPolicy, one: End, history: History = freshHistory): string => {
  const verdict = judgeEnd(policy, one, history);
  return verdict.kind === 'restart' ? `restart ${verdict.attempt} in ${verdict.delayMs}` : verdict.reason;
};
/** The verdicts on a row of ends, each judged with what the one before left. */
function row(policy: RestartPolicy, ends: readonly End[]): string[] {
  let history = freshHistory;
  return ends.map((one) => {
    const verdict: Verdict = judgeEnd(policy, one, history);
    history = verdict.history;
    return verdict.kind === 'restart' ? `${verdict.delayMs}` : verdict.reason;
  });
}

test.each([
  ['no', 0, 'no-policy'],
  ['no', 1, 'no-policy'],
  ['no', null, 'no-policy'],
  ['on-failure', 0, 'completed'],
  ['on-failure', 1, 'restart 1 in 100'],
  ['on-failure', null, 'restart 1 in 100'],
  ['always', 0, 'restart 1 in 100'],
  ['always', 137, 'restart 1 in 100'],
  ['unless-stopped', 0, 'restart 1 in 100'],
  ['unless-stopped', null, 'restart 1 in 100'],
] as const)('policy %s, exit code %s: %s', (condition, exitCode, expected) => {
  expect(outcome({ condition }, end(exitCode))).toBe(expected);
});

test('the delay doubles from 100 ms to a minute, and begins anew after a life of 10 seconds', () => {
  const ends = [...Array.from({ length: 12 }, () => end(1)), end(1, 9_999), end(1, 10_000), end(1)];
  expect(row({ condition: 'always' }, ends)).toEqual([
    '100',
    '200',
    '400',
    '800',
    '1600',
    '3200',
    '6400',
    '12800',
    '25600',
    '51200',
    '60000',
    '60000',
    '60000',
    '100',
    '200',
  ]);
});

test('a fixed delay takes the place of the back-off', () => {
  expect(row({ condition: 'always', delayMs: ms(5000) }, [end(1), end(1), end(1, 20_000)])).toEqual([
    '5000',
    '5000',
    '5000',
  ]);
  expect(outcome({ condition: 'always', delayMs: ms(0) }, end(1))).toBe('restart 1 in 0');
});

test('attempts are counted from the last start by hand, however long the lives were', () => {
  expect(row({ condition: 'on-failure', maxAttempts: 2 }, [end(1), end(1, 60_000), end(1)])).toEqual([
    '100',
    '100',
    'attempts-used-up',
  ]);
  expect(outcome({ condition: 'on-failure', maxAttempts: 0 }, end(1))).toBe('attempts-used-up');
});

test('with a window, a life that outlasts it clears the attempts', () => {
  const policy: RestartPolicy = { condition: 'on-failure', maxAttempts: 2, windowMs: ms(1000), delayMs: ms(10) };
  expect(row(policy, [end(1), end(1), end(1, 1000), end(1), end(1)])).toEqual([
    '10',
    '10',
    '10',
    '10',
    'attempts-used-up',
  ]);
});

test('a start limit ends a crash loop, and only a crash loop', () => {
  const policy: RestartPolicy = { condition: 'always', delayMs: ms(0), startLimit: { ends: 3, withinMs: ms(1000) } };
  expect(
    row(
      policy,
      [0, 300, 600, 900].map((at) => end(1, 5, at)),
    ),
  ).toEqual(['0', '0', '0', 'start-limit']);
  expect(
    row(
      policy,
      [0, 400, 800, 1200].map((at) => end(1, 5, at)),
    ),
  ).toEqual(['0', '0', '0', '0']);
});

test('a command that cannot be started by hand is not tried again, one that fails at a restart is', () => {
  const failed = { ...end(127, 0), failed: true };
  expect(outcome({ condition: 'always' }, failed)).toBe('cannot-start');
  expect(outcome({ condition: 'always' }, failed, { attempts: 1, streak: 3, endsAtMs: [] })).toBe('restart 2 in 800');
});

test('the delay is never below nothing nor above a minute, and the history stays small', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ life: fc.nat(20_000), code: fc.constantFrom(0, 1, null) }), { maxLength: 200 }),
      (lives) => {
        let history = freshHistory;
        for (const { life, code } of lives) {
          const verdict = judgeEnd(
            { condition: 'always', startLimit: { ends: 5, withinMs: ms(0.001) } },
            end(code, life),
            history,
          );
          history = verdict.history;
          expect(history.endsAtMs.length).toBeLessThanOrEqual(6);
          if (verdict.kind !== 'restart') continue;
          expect(verdict.delayMs).toBeGreaterThanOrEqual(100);
          expect(verdict.delayMs).toBeLessThanOrEqual(60_000);
        }
      },
    ),
  );
  expect(backOffMs(1e9)).toBe(60_000);
});
