import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/supervise/clock.ts';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('the clock of the supervisor', () => {
  // Timers of Node's that nobody advances: they never come.
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  it('calls without a timer when the moment is there', async () => {
    const call = vi.fn();
    systemClock.at(Date.now(), call);
    expect(call).not.toHaveBeenCalled();
    await nextTurn();
    expect(call).toHaveBeenCalledOnce();
  });

  it('takes such a call back', async () => {
    const call = vi.fn();
    systemClock.at(0, call)();
    await nextTurn();
    expect(call).not.toHaveBeenCalled();
  });

  it('waits for a later moment, and takes that back, too', () => {
    const [call, never] = [vi.fn(), vi.fn()];
    systemClock.at(Date.now() + 60_000, call);
    systemClock.at(Date.now() + 60_000, never)();
    vi.advanceTimersByTime(50_000);
    expect(call).not.toHaveBeenCalled();
    vi.advanceTimersByTime(20_000);
    expect(call).toHaveBeenCalledOnce();
    expect(never).not.toHaveBeenCalled();
  });
});
