import { afterEach, describe, expect, it, vi } from 'vitest';
import { eventually } from '../../../../../src/runtime/linux/session/destroy.ts';

describe('waiting for an end', () => {
  afterEach(() => void vi.useRealTimers());

  it('is not over because the date was set', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    let looks = 0;
    const check = (): boolean => {
      vi.setSystemTime(Date.now() + 3_600_000);
      return ++looks === 4;
    };
    expect(await eventually(check, 10_000)).toBe(true);
  });

  it('is over at its time, although the date was set back', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const check = (): boolean => {
      vi.setSystemTime(Date.now() - 3_600_000);
      return false;
    };
    expect(await eventually(check, 5)).toBe(false);
  });
});
