import { stat } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HostPath } from '../../../../src/model/units.ts';
import type { Change } from '../../../../src/supervise/watch/batch.ts';
import { Batcher } from '../../../../src/supervise/watch/batcher.ts';
import { Works } from '../../../support/pairs.ts';

const there = (path: string): Change => ({ path: path as HostPath, now: 'there' });
const gone = (path: string): Change => ({ path: path as HostPath, now: 'gone' });

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'performance'] });
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
    const works = new Works();
    const sizes: number[] = [];
    const batcher = new Batcher({
      take: (changes) => {
        sizes.push(changes.length);
        return works.begin();
      },
    });
    batcher.add(there('/a'));
    await vi.advanceTimersByTimeAsync(20);
    batcher.add(there('/b'));
    batcher.add(there('/c'));
    await vi.advanceTimersByTimeAsync(500);
    expect(sizes).toEqual([1]);
    works.end();
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

  it('hears first what there was to hear when its time was over on a busy machine', async () => {
    vi.useRealTimers();
    const batches: (readonly Change[])[] = [];
    const batcher = new Batcher({ take: async (changes) => void batches.push(changes) });
    // From here on timers come next, and what the kernel tells after them.
    await new Promise((resolve) => setImmediate(resolve));
    batcher.add(there('/a'));
    stat('/', () => batcher.add(there('/b')));
    for (const began = performance.now(); performance.now() < began + 50; );
    await vi.waitFor(() => expect(batches).toEqual([[there('/a'), there('/b')]]));
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

  it('waits for the last changes of a program that has finished, however long it took', async () => {
    const sizes: number[] = [];
    let held = true;
    const batcher = new Batcher({ take: async (changes) => void sizes.push(changes.length), hold: () => held });
    for (let i = 0; i < 600; i++) {
      batcher.add(there(`/${i}`));
      await vi.advanceTimersByTimeAsync(5);
    }
    held = false;
    for (let i = 0; i < 5; i++) {
      batcher.add(there(`/late/${i}`));
      await vi.advanceTimersByTimeAsync(10);
    }
    await vi.advanceTimersByTimeAsync(200);
    expect(sizes).toEqual([605]);
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
