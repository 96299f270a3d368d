import { describe, expect, test } from 'vitest';
import type { Generation } from '../../../../../src/runtime/linux/logs/generation.ts';
import { findTail } from '../../../../../src/runtime/linux/logs/tail.ts';

type Write = readonly [stream: 1 | 2, text: string];

/** A pair of log files in memory. */
function generation(writes: readonly Write[]): Generation {
  const bytes = Buffer.from(writes.map(([, text]) => text).join(''));
  let offset = 0;
  const entries = writes.map(([stream, text], i) => {
    const length = Buffer.byteLength(text);
    offset += length;
    return { stream, timeMs: i, offset: offset - length, length };
  });
  const made = {
    count: () => entries.length,
    entries: (from: number, to: number) => entries.slice(from, to),
    read: (from: number, length: number) => bytes.subarray(from, from + length),
  };
  return made as Pick<Generation, 'count' | 'entries' | 'read'> as Generation;
}

/** What is shown from the beginnings that were found. */
function tail(lines: number, ...parts: readonly (readonly Write[])[]): string {
  const starts = findTail(parts.map(generation), lines, { sinceMs: 0, untilMs: Number.POSITIVE_INFINITY });
  return parts
    .flatMap((writes, g) =>
      writes.map(([stream, text], entry) => {
        const start = starts[stream];
        if (start === undefined) return '';
        const order = g - start.generation || entry - start.entry;
        return order < 0 ? '' : order > 0 ? text : text.slice(start.byte);
      }),
    )
    .join('');
}

describe('the last lines of a log', () => {
  test('are counted from the end of one write', () => {
    expect(tail(2, [[1, 'a\nb\nc\n']])).toBe('b\nc\n');
    expect(tail(0, [[1, 'a\nb\nc\n']])).toBe('');
    expect(tail(9, [[1, 'a\nb\nc\n']])).toBe('a\nb\nc\n');
  });

  test('have among them the only line of a stream, when it was the last that was written', () => {
    const writes: readonly Write[] = [
      [1, 'a\nb\nc\n'],
      [2, 'error\n'],
    ];
    expect(tail(1, writes)).toBe('error\n');
    expect(tail(2, writes)).toBe('c\nerror\n');
    expect(tail(4, writes)).toBe('a\nb\nc\nerror\n');
  });

  test('leave out a stream that has only older ones', () => {
    expect(
      tail(2, [
        [2, 'error\n'],
        [1, 'a\nb\nc\n'],
      ]),
    ).toBe('b\nc\n');
  });

  test('are whole where writes cut them', () => {
    const writes: readonly Write[] = [
      [1, 'a\nb'],
      [1, 'b'],
      [2, 'error\n'],
      [1, 'b\n'],
    ];
    expect(tail(1, writes)).toBe('bbb\n');
    expect(tail(2, writes)).toBe('bberror\nb\n');
  });

  test('count one that has no newline yet', () => {
    expect(tail(1, [[1, 'a\nb']])).toBe('b');
    expect(
      tail(2, [
        [1, 'a\nb'],
        [2, 'error'],
      ]),
    ).toBe('berror');
  });

  test('go on in older files', () => {
    expect(tail(3, [[1, 'a\nb\nc']], [[1, 'c\nd\n']])).toBe('b\ncc\nd\n');
  });

  test('do not need the whole log to be read for the beginning of a line that was the only one', () => {
    const many = Array.from({ length: 5000 }, (_, i): Write => [1, `${i}\n`]);
    let read = 0;
    const counted = generation([...many, [2, 'error\n']]);
    const entries = (from: number, to: number) => {
      read += to - from;
      return counted.entries(from, to);
    };
    const watched = { ...counted, entries } as Generation;
    const starts = findTail([watched], 1, { sinceMs: 0, untilMs: Number.POSITIVE_INFINITY });
    expect(Object.keys(starts)).toEqual(['2']);
    expect(read).toBeLessThan(3000);
  });
});
