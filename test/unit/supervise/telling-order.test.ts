import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ContainerName } from '../../../src/model/units.ts';
import type { LogEntry, LogLine } from '../../../src/supervise/log-entry.ts';
import { inOrder, TellingOrder } from '../../../src/supervise/telling-order.ts';

const at = (entry: LogEntry, container = 'shop-web-1'): LogLine => ({
  ...entry,
  atMs: 0,
  container: container as ContainerName,
});
const step = (action: string, lifeAtMs?: number): LogEntry => ({
  kind: 'step',
  by: 'up',
  action,
  cause: 'requested',
  ...(lifeAtMs !== undefined && { lifeAtMs }),
});
const startedAt = (startedAtMs: number): LogEntry => ({ kind: 'started', startedAtMs, restarts: 0 });
const endedAt = (startedAtMs: number): LogEntry => ({
  kind: 'ended',
  startedAtMs,
  endedAtMs: startedAtMs + 1,
  exitCode: 1,
  oomKilled: false,
  stoppedByUser: false,
});
const planned: LogEntry = { kind: 'restart-planned', attempt: 1, delayMs: 100 };
const left: LogEntry = { kind: 'left', reason: 'attempts-used-up' };

describe('what is in the log', () => {
  test.each<[string, LogEntry[], LogEntry[]]>([
    [
      'an end that was written before the start comes after it, with what was said of it',
      [endedAt(7), left, step('create'), step('start', 7)],
      [step('create'), step('start', 7), endedAt(7), left],
    ],
    [
      'two lives of which both ends were written first',
      [endedAt(7), planned, endedAt(9), left, step('create'), step('start', 7), step('start', 9)],
      [step('create'), step('start', 7), endedAt(7), planned, step('start', 9), endedAt(9), left],
    ],
    [
      'what could not be started is said after the attempt',
      [{ kind: 'failed', endedAtMs: 7, exitCode: 127, message: 'no' }, step('create'), step('start', 7)],
      [step('create'), step('start', 7), { kind: 'failed', endedAtMs: 7, exitCode: 127, message: 'no' }],
    ],
    [
      'an end whose start nobody has written down stays where it is',
      [endedAt(7), planned, step('start', 9), startedAt(9)],
      [endedAt(7), planned, step('start', 9), startedAt(9)],
    ],
    [
      'lines of versions that did not write down which life a start made',
      [endedAt(7), step('create'), step('start'), startedAt(7)],
      [endedAt(7), step('create'), step('start'), startedAt(7)],
    ],
  ])('%s', (_, written, told) => {
    expect(inOrder(written.map((entry) => at(entry)))).toEqual(told.map((entry) => at(entry)));
  });

  test('one container holds nothing of another back', () => {
    const lines = [at(endedAt(7), 'a'), at(left, 'b'), at(step('start', 7), 'a')];
    expect(inOrder(lines)).toEqual([lines[1], lines[2], lines[0]]);
  });

  test('whatever is written in whatever order, nothing is lost or doubled, and neither steps nor words of a container change places', () => {
    const entries = fc.oneof(
      fc.constantFrom<LogEntry>(left, planned, step('create'), step('stop'), step('remove')),
      fc.integer({ min: 1, max: 4 }).map((life) => step('start', life)),
      fc.integer({ min: 1, max: 4 }).map(startedAt),
      fc.integer({ min: 1, max: 4 }).map(endedAt),
    );
    const lines = fc.array(fc.tuple(entries, fc.constantFrom('a', 'b')).map(([entry, name]) => at(entry, name)));
    fc.assert(
      fc.property(lines, (written) => {
        const told = inOrder(written);
        expect(told.map((line) => JSON.stringify(line)).sort()).toEqual(
          written.map((line) => JSON.stringify(line)).sort(),
        );
        const steps = (all: readonly LogLine[]) => all.filter(({ kind }) => kind === 'step');
        expect(steps(told)).toEqual(steps(written));
        const words = (all: readonly LogLine[]) =>
          all.filter(({ kind, container }) => kind !== 'step' && container === 'a');
        expect(words(told)).toEqual(words(written));
      }),
    );
  });
});

describe('as it happens', () => {
  const telling = () => {
    const told: LogEntry[] = [];
    const order = new TellingOrder({
      tell: ({ atMs: _1, container: _2, ...entry }) => told.push(entry),
      isComing: () => true,
    });
    return { told, order };
  };

  test('an end is told when its start is', () => {
    const { told, order } = telling();
    for (const entry of [endedAt(7), planned, step('create')]) order.see(at(entry));
    expect(told).toEqual([step('create')]);
    order.see(at(step('start', 7)));
    expect(told).toEqual([step('create'), step('start', 7), endedAt(7), planned]);
    expect(order.isHolding).toBe(false);
  });

  test('a start that nobody will tell is not waited for', () => {
    const { told, order } = telling();
    order.see(at(endedAt(7)));
    order.settle(() => true);
    expect(told).toEqual([]);
    order.settle(() => false);
    expect(told).toEqual([endedAt(7)]);
  });

  test('nor beyond the next thing that is done to the container', () => {
    for (const next of [step('start', 9), step('remove'), step('stop')]) {
      const { told, order } = telling();
      order.see(at(endedAt(7)));
      order.see(at(next));
      expect(told).toEqual([endedAt(7), next]);
    }
  });

  test('what is known of the past has been told', () => {
    const { told, order } = telling();
    order.know(at(step('start', 7)));
    order.see(at(endedAt(7)));
    expect(told).toEqual([endedAt(7)]);
  });
});
