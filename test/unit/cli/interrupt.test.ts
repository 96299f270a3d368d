import { afterEach, describe, expect, test, vi } from 'vitest';
import { catchInterrupts, catchWhenAsked, type Interrupts } from '../../../src/cli/interrupt.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type Signal = (typeof signals)[number];
const listeners = () => signals.map((signal) => process.listenerCount(signal));

let caught: Interrupts | undefined;
afterEach(() => {
  caught?.release();
  vi.restoreAllMocks();
});

/** What has been asked of a command: whether its signals are aborted, the code it would end with, and whether it has. */
function outcomeOf(sent: readonly Signal[], patience: 2 | 3): string {
  const exit = vi.spyOn(process, 'exit').mockImplementation((() => {}) as never);
  caught = catchInterrupts(patience);
  for (const signal of sent) process.emit(signal, signal);
  const asked = [caught.first, caught.second].filter(({ aborted }) => aborted).length;
  const ended = exit.mock.calls.map(([code]) => `, ended with ${code}`).join('');
  return `${asked} of 2, ${caught.exitCode()}${ended}`;
}

/** Patience, what came before, and what each signal does then. */
const table: readonly (readonly [2 | 3, readonly Signal[], { readonly [S in Signal]: string }])[] = [
  [3, [], { SIGINT: '1 of 2, 130', SIGTERM: '1 of 2, 143', SIGHUP: '1 of 2, 129' }],
  [3, ['SIGINT'], { SIGINT: '2 of 2, 130', SIGTERM: '2 of 2, 130', SIGHUP: '2 of 2, 130' }],
  [3, ['SIGTERM'], { SIGINT: '2 of 2, 143', SIGTERM: '2 of 2, 143', SIGHUP: '2 of 2, 143' }],
  [
    3,
    ['SIGINT', 'SIGTERM'],
    {
      SIGINT: '2 of 2, 130, ended with 130',
      SIGTERM: '2 of 2, 130, ended with 130',
      SIGHUP: '2 of 2, 130, ended with 130',
    },
  ],
  [3, ['SIGHUP'], { SIGINT: '2 of 2, 129', SIGTERM: '2 of 2, 129', SIGHUP: '2 of 2, 129' }],
  [2, [], { SIGINT: '1 of 2, 130', SIGTERM: '1 of 2, 143', SIGHUP: '1 of 2, 129' }],
  [
    2,
    ['SIGTERM'],
    {
      SIGINT: '2 of 2, 143, ended with 143',
      SIGTERM: '2 of 2, 143, ended with 143',
      SIGHUP: '2 of 2, 143, ended with 143',
    },
  ],
];

describe('every signal after every number of signals', () => {
  test('none', () => {
    expect(outcomeOf([], 3)).toBe('0 of 2, 130');
  });
  for (const [patience, before, outcomes] of table)
    for (const signal of signals)
      test(`${before.join(', ') || 'none'}, then ${signal}, of ${patience}`, () => {
        expect(outcomeOf([...before, signal], patience)).toBe(outcomes[signal]);
      });

  test('released, they are nobody else’s either', () => {
    const before = listeners();
    caught = catchInterrupts(2);
    expect(listeners()).toEqual(before.map((count) => count + 1));
    caught.release();
    expect(listeners()).toEqual(before);
  });
});

test('a command that is never asked catches nothing, and one that is asked does from then on', () => {
  const before = listeners();
  caught = catchWhenAsked(2);
  caught.release();
  expect(listeners()).toEqual(before);
  const { first } = caught;
  expect(listeners()).toEqual(before.map((count) => count + 1));
  process.emit('SIGTERM', 'SIGTERM');
  expect([first.aborted, caught.first === first, caught.second.aborted, caught.exitCode()]).toEqual([
    true,
    true,
    false,
    143,
  ]);
});
