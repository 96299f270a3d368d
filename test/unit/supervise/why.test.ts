import { expect, test } from 'vitest';
import { endReason, endText } from '../../../src/model/end-reason.ts';
import type { ContainerName, ServiceName } from '../../../src/model/units.ts';
import type { LogEntry, LogLine } from '../../../src/supervise/log-entry.ts';
import { durationText, explainService } from '../../../src/supervise/why.ts';
import { config, desiredState, exited, nothing, observedState, running } from '../../support/builders.ts';

const formatTime = (atMs: number): string => `+${atMs / 1000}s`;
const at = (atMs: number, entry: LogEntry): LogLine => ({ ...entry, atMs, container: 'shop-web-1' as ContainerName });
const web = 'web' as ServiceName;
const stack = desiredState([
  { name: 'web', needs: ['api'], config: { restart: { condition: 'on-failure', maxAttempts: 1 } } },
  { name: 'api', needs: ['db healthy'] },
  { name: 'db' },
]);

test('a crash loop is told from its first start to its end', () => {
  const observed = observedState(stack, {
    'shop-web-1': { status: { ...exited(137), oomKilled: true, signal: 'SIGKILL' } as never, restarts: 1 },
  });
  const lines = [
    at(0, { kind: 'step', by: 'up', action: 'start', cause: 'does not exist' }),
    at(10, { kind: 'started', startedAtMs: 10, restarts: 0 }),
    at(1010, { kind: 'ended', endedAtMs: 1010, startedAtMs: 10, exitCode: 1, oomKilled: false, stoppedByUser: false }),
    at(1010, { kind: 'restart-planned', attempt: 1, delayMs: 100 }),
    at(1110, { kind: 'started', startedAtMs: 1110, restarts: 1 }),
    at(1111, { kind: 'started', startedAtMs: 1110, restarts: 1 }),
    at(2000, {
      kind: 'ended',
      endedAtMs: 2000,
      startedAtMs: 1110,
      exitCode: 137,
      signal: 'SIGKILL',
      oomKilled: true,
      stoppedByUser: false,
    }),
    at(2000, { kind: 'left', reason: 'attempts-used-up' }),
  ];
  expect(explainService(web, { observed, lines, output: { 'shop-web-1': ['allocating', 'more'] }, formatTime })).toBe(
    `shop-web-1 has ended at +2s by SIGKILL (code 137): it was out of memory (see mem_limit) after 1 automatic restart; restart: on-failure
  history
    +0s  start by up: does not exist
    +0.01s  started
    +1.01s  ended after 1 s with code 1
    +1.01s  restart 1 is due in 100 ms
    +1.11s  started again, automatic restart 1
    +2s  ended after 890 ms by SIGKILL (code 137): it was out of memory (see mem_limit)
    +2s  given up: all attempts of its restart policy are used up
  last output
    allocating
    more
`,
  );
});

test('the dependency behind it all is found, however deep', () => {
  const observed = observedState(stack, {
    'shop-web-1': { status: { kind: 'created' } },
    'shop-api-1': { status: { kind: 'created' } },
    'shop-db-1': { status: { ...running, health: 'unhealthy' } as never },
  });
  expect(explainService(web, { observed, lines: [], formatTime })).toBe(`shop-web-1 was made and never started
  depends on
    shop-api-1 (started): it was made and never started
      shop-db-1 (healthy): it is running since +1s, unhealthy
`);
});

test('an unhealthy container shows what its last probe said', () => {
  const observed = observedState(stack, { 'shop-db-1': { status: { ...running, health: 'unhealthy' } as never } });
  const probes = { 'shop-db-1': [{ startedAtMs: 0, finishedAtMs: 30, exitCode: 1, output: 'no\nroute\n' }] };
  expect(explainService('db' as ServiceName, { observed, lines: [], probes, formatTime })).toBe(
    'shop-db-1 is running since +1s, unhealthy\n  last probe\n    code 1 after 30 ms\n    no\n    route\n',
  );
});

test('a long history is cut to its end', () => {
  const lines = Array.from({ length: 25 }, (_, index) =>
    at(index, { kind: 'restart-planned', attempt: index, delayMs: 100 }),
  );
  const text = explainService(web, { observed: observedState(stack), lines, formatTime });
  expect(text).toContain('(5 earlier events)\n    +0.005s  restart 5');
});

test('a service without a container says so, and what there was', () => {
  expect(explainService(web, { observed: nothing, lines: [at(1, { kind: 'removed' })], formatTime })).toBe(
    'web has no container\n  history of shop-web-1, which was removed\n    +0.001s  removed\n',
  );
});

test.each([
  [0, {}, 'with code 0'],
  [127, {}, 'with code 127: a program that it runs was not found'],
  [143, { signal: 'SIGTERM' }, 'by SIGTERM (code 143)'],
  [null, {}, 'with an unknown code: nobody was left to see it'],
] as const)('exit code %s in words', (code, rest, text) => {
  const end = { exitCode: code, oomKilled: false, ...rest };
  expect(endText(end)).toBe(text);
  expect(endReason(end, config()).text).toContain(`ended ${text}`);
});

test.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [7530, '7.5 s'],
  [200_000, '3 min 20 s'],
  [7_500_000, '2 h 5 min'],
  [-5, '0 ms'],
])('%i ms is %s', (ms, text) => expect(durationText(ms)).toBe(text));
