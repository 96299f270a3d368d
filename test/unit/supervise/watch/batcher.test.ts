import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HostPath } from '../../../../src/model/units.ts';
import type { Change } from '../../../../src/supervise/watch/batch.ts';
import { Batcher } from '../../../../src/supervise/watch/batcher.ts';

const there = (path: string): Change => ({ path: path as HostPath, now: 'there' });
const gone = (path: string): Change => ({ path: path as HostPath, now: 'gone' });

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a batcher', () => {
  it('hands over what came, once it is quiet', async () => {
    const batches: (readonly Change[])[] = [];
    const batcher = new Batcher({ take: async (changes) => void batches.push(changes) });
    batcher.add(there('/a'));
    await vi.advanceTimersByTimeAsync(8);
    batcher.add(there('/b'));
    await vi.advanceTimersByTimeAsync(8);
    expect(batches).toEqual([]);
    await vi.advanceTimersByTimeAsync(8);
    expect(batches).toEqual([[there('/a'), there('/b')]]);
  });

  it('keeps only the last state of a path', async () => {
    const batches: (readonly Change[])[] = [];
    const batcher = new Batcher({ take: async (changes) => void batches.push(changes) });
    for (const change of [there('/a'), there('/b'), gone('/a')]) batcher.add(change);
    await vi.advanceTimersByTimeAsync(20);
    expect(batches).toEqual([[there('/b'), gone('/a')]]);
  });

  it('does not wait for ever when changes never pause', async () => {
    const take = vi.fn(async () => {});
    const batcher = new Batcher({ take });
    for (let i = 0; i < 250; i++) {
      batcher.add(there(`/${i}`));
      await vi.advanceTimersByTimeAsync(5);
    }
    expect(take).toHaveBeenCalledTimes(1);
  });

  it('gathers the next batch while one is worked on, and never runs two', async () => {
    let finish = () => {};
    const sizes: number[] = [];
    const batcher = new Batcher({
      take: (changes) => {
        sizes.push(changes.length);
        return new Promise((resolve) => {
          finish = resolve;
        });
      },
    });
    batcher.add(there('/a'));
    await vi.advanceTimersByTimeAsync(20);
    batcher.add(there('/b'));
    batcher.add(there('/c'));
    await vi.advanceTimersByTimeAsync(500);
    expect(sizes).toEqual([1]);
    finish();
    await vi.advanceTimersByTimeAsync(20);
    expect(sizes).toEqual([1, 2]);
  });

  it('never heard of a file that came and went', async () => {
    const batches: (readonly Change[])[] = [];
    const batcher = new Batcher({ take: async (changes) => void batches.push(changes) });
    batcher.add({ ...there('/temporary'), fresh: true });
    batcher.add(there('/temporary'));
    batcher.add(there('/a'));
    batcher.add(gone('/temporary'));
    batcher.add({ ...there('/b'), fresh: true });
    batcher.add(gone('/b'));
    batcher.add(there('/b'));
    await vi.advanceTimersByTimeAsync(20);
    expect(batches).toEqual([[there('/a'), there('/b')]]);
  });

  it('lets a program that changes many files pause longer', async () => {
    const take = vi.fn(async () => {});
    const batcher = new Batcher({ take });
    for (let i = 0; i < 600; i++) batcher.add(there(`/${i}`));
    await vi.advanceTimersByTimeAsync(140);
    expect(take).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(20);
    expect(take).toHaveBeenCalledTimes(1);
  });

  it('keeps a batch for as long as it is told to, also beyond its usual limit', async () => {
    const take = vi.fn(async () => {});
    let held = true;
    const batcher = new Batcher({ take, hold: () => held });
    batcher.add(there('/a'));
    await vi.advanceTimersByTimeAsync(3000);
    expect(take).not.toHaveBeenCalled();
    held = false;
    await vi.advanceTimersByTimeAsync(30);
    expect(take).toHaveBeenCalledTimes(1);
  });

  it('forgets what it has when it is closed', async () => {
    const take = vi.fn(async () => {});
    const batcher = new Batcher({ take });
    batcher.add(there('/a'));
    batcher.close();
    await vi.advanceTimersByTimeAsync(2000);
    expect(take).not.toHaveBeenCalled();
  });
});
