import { afterEach, beforeEach, describe, vi } from 'vitest';
import type { HostPath } from '../../../../src/model/units.ts';
import type { Change } from '../../../../src/supervise/watch/batch.ts';
import { Batcher } from '../../../../src/supervise/watch/batcher.ts';
import { type Pairs, testPairs, Works } from '../../../support/pairs.ts';

/** A batcher by itself on a fake clock: what it has handed over so far, one word a batch. */
class Bench {
  readonly batches: string[] = [];
  held = false;
  readonly #works = new Works();
  readonly batcher = new Batcher({
    take: (changes) => {
      this.batches.push(changes.map(({ path }) => path).join('+'));
      return this.#works.begin();
    },
    hold: () => this.held,
  });

  add(path: string, more: Partial<Change> = {}): void {
    this.batcher.add({ path: path as HostPath, now: 'there', ...more });
  }

  async finish(): Promise<void> {
    this.#works.end();
    await vi.advanceTimersByTimeAsync(0);
  }

  get text(): string {
    return this.batches.join(' ') || 'nothing';
  }
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

const states: Pairs<Bench>['states'] = {
  empty: () => {},
  gathering: (bench) => bench.add('a'),
  'gathering a new file': (bench) => bench.add('a', { fresh: true }),
  held: async (bench) => {
    bench.held = true;
    bench.add('a');
    await pass(20);
  },
  released: async (bench) => {
    bench.held = true;
    bench.add('a');
    await pass(20);
    bench.held = false;
    // It has been asked once more, and gives those that come late their time.
    await pass(20);
  },
  working: async (bench) => {
    bench.add('a');
    await pass(20);
  },
  'working, and gathering': async (bench) => {
    bench.add('a');
    await pass(20);
    bench.add('b');
  },
  closed: (bench) => {
    bench.add('a');
    bench.batcher.close();
  },
};

const events: Pairs<Bench>['events'] = {
  'another change': (bench) => bench.add('c'),
  'the same path goes': (bench) => bench.add('a', { now: 'gone' }),
  'quiet passes': () => pass(13),
  'the limit passes': () => pass(1100),
  'it is held': (bench) => {
    bench.held = true;
  },
  'it is let go': (bench) => {
    bench.held = false;
  },
  'the work ends': (bench) => bench.finish(),
  'it is closed': (bench) => bench.batcher.close(),
};

/** What has been handed over at once, and what in the end, when everything that holds and works has ended. */
const table: Pairs<Bench>['table'] = {
  empty: {
    'another change': 'nothing → c',
    'the same path goes': 'nothing → a',
    'quiet passes': 'nothing → nothing',
    'the limit passes': 'nothing → nothing',
    'it is held': 'nothing → nothing',
    'it is let go': 'nothing → nothing',
    'the work ends': 'nothing → nothing',
    'it is closed': 'nothing → nothing',
  },
  gathering: {
    'another change': 'nothing → a+c',
    'the same path goes': 'nothing → a',
    'quiet passes': 'a → a',
    'the limit passes': 'a → a',
    'it is held': 'nothing → a',
    'it is let go': 'nothing → a',
    'the work ends': 'nothing → a',
    'it is closed': 'nothing → nothing',
  },
  'gathering a new file': {
    'another change': 'nothing → a+c',
    'the same path goes': 'nothing → nothing',
    'quiet passes': 'a → a',
    'the limit passes': 'a → a',
    'it is held': 'nothing → a',
    'it is let go': 'nothing → a',
    'the work ends': 'nothing → a',
    'it is closed': 'nothing → nothing',
  },
  held: {
    'another change': 'nothing → a+c',
    'the same path goes': 'nothing → a',
    'quiet passes': 'nothing → a',
    'the limit passes': 'nothing → a',
    'it is held': 'nothing → a',
    'it is let go': 'nothing → a',
    'the work ends': 'nothing → a',
    'it is closed': 'nothing → nothing',
  },
  released: {
    'another change': 'nothing → a+c',
    'the same path goes': 'nothing → a',
    'quiet passes': 'a → a',
    'the limit passes': 'a → a',
    'it is held': 'nothing → a',
    'it is let go': 'nothing → a',
    'the work ends': 'nothing → a',
    'it is closed': 'nothing → nothing',
  },
  working: {
    'another change': 'a → a c',
    'the same path goes': 'a → a a',
    'quiet passes': 'a → a',
    'the limit passes': 'a → a',
    'it is held': 'a → a',
    'it is let go': 'a → a',
    'the work ends': 'a → a',
    'it is closed': 'a → a',
  },
  'working, and gathering': {
    'another change': 'a → a b+c',
    'the same path goes': 'a → a b+a',
    'quiet passes': 'a → a b',
    'the limit passes': 'a → a b',
    'it is held': 'a → a b',
    'it is let go': 'a → a b',
    'the work ends': 'a → a b',
    'it is closed': 'a → a',
  },
  closed: {
    'another change': 'nothing → nothing',
    'the same path goes': 'nothing → nothing',
    'quiet passes': 'nothing → nothing',
    'the limit passes': 'nothing → nothing',
    'it is held': 'nothing → nothing',
    'it is let go': 'nothing → nothing',
    'the work ends': 'nothing → nothing',
    'it is closed': 'nothing → nothing',
  },
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a batcher: every event in every state', () => {
  testPairs({ states, events, table }, async (arrange, act) => {
    const bench = new Bench();
    await arrange(bench);
    await act(bench);
    const atOnce = bench.text;
    bench.held = false;
    for (let i = 0; i < 3; i++) {
      await pass(1500);
      await bench.finish();
    }
    return `${atOnce} → ${bench.text}`;
  });
});
