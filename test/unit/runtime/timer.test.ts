import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { abortAfter, callAfter } from '../../../src/runtime/timer.ts';

const dayMs = 24 * 60 * 60 * 1000;

describe('a timer of ours', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  it('counts longer than those of Node do', () => {
    const call = vi.fn();
    callAfter(60 * dayMs, call);
    vi.advanceTimersByTime(59 * dayMs);
    expect(call).not.toHaveBeenCalled();
    vi.advanceTimersByTime(2 * dayMs);
    expect(call).toHaveBeenCalledOnce();
  });

  it('can be taken back at any time', () => {
    const call = vi.fn();
    const takeBack = callAfter(60 * dayMs, call);
    vi.advanceTimersByTime(40 * dayMs);
    takeBack();
    vi.advanceTimersByTime(40 * dayMs);
    expect(call).not.toHaveBeenCalled();
  });

  it('gives up after its time, and not sooner', () => {
    const signals = [abortAfter(10), abortAfter(100 * dayMs)];
    vi.advanceTimersByTime(11);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  });
});
