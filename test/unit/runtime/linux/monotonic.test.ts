import { afterEach, describe, expect, it, vi } from 'vitest';
import { readHostFacts } from '../../../../src/runtime/linux/host-facts.ts';
import { monotonicMs, recent, stillTrue } from '../../../../src/runtime/linux/monotonic.ts';

afterEach(() => void vi.useRealTimers());

describe('the clock that nobody sets', () => {
  it('counts milliseconds, and goes on when the date is set', () => {
    vi.useFakeTimers({ toFake: ['hrtime', 'Date'] });
    const before = monotonicMs();
    vi.setSystemTime(0);
    vi.advanceTimersByTime(7);
    expect(monotonicMs() - before).toBe(7);
  });
});

describe('what was found a moment ago', () => {
  it('is true for less than a second, for everybody who asks', () => {
    vi.useFakeTimers({ toFake: ['hrtime'] });
    const found = recent('it');
    vi.advanceTimersByTime(999);
    expect([stillTrue(found), stillTrue(found)]).toEqual(['it', 'it']);
    vi.advanceTimersByTime(1);
    expect(stillTrue(found)).toBeUndefined();
  });

  it('is nothing when nothing was found', () => {
    expect(stillTrue(undefined)).toBeUndefined();
  });

  it('are the facts of the host: looked up again when the second is over', () => {
    vi.useFakeTimers({ toFake: ['hrtime'] });
    const facts = readHostFacts();
    vi.advanceTimersByTime(999);
    expect(readHostFacts()).toBe(facts);
    vi.advanceTimersByTime(1);
    expect(readHostFacts()).not.toBe(facts);
  });
});
