import { describe, expect, test } from 'vitest';
import { Queue } from '../../../../src/supervise/watch/queue.ts';

/** What happens, in words; each work says when it begins, and ends when it is told to. */
class Bench {
  readonly said: string[] = [];
  readonly #running: { readonly finish: () => void; readonly fail: (error: Error) => void }[] = [];
  readonly queue = new Queue((error) => this.said.push(`threw ${(error as Error).message}`));

  ask(name: string): void {
    const work = () => {
      this.said.push(`begins ${name}`);
      return new Promise<void>((finish, fail) => this.#running.push({ finish, fail }));
    };
    void this.queue.take(work).then(() => this.said.push(`over ${name}`));
  }

  finish(): void {
    this.#running.shift()?.finish();
  }

  fail(): void {
    this.#running.shift()?.fail(new Error('oops'));
  }

  close(): void {
    void this.queue.close().then(() => this.said.push('closed'));
  }
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

const states: { readonly [state: string]: (bench: Bench) => void } = {
  idle: () => {},
  working: (bench) => bench.ask('a'),
  'working, and one waits': (bench) => {
    bench.ask('a');
    bench.ask('b');
  },
  'closing, and one waits': async (bench) => {
    bench.ask('a');
    bench.ask('b');
    await settle();
    bench.close();
  },
  closed: (bench) => bench.close(),
};

const events: { readonly [event: string]: (bench: Bench) => void } = {
  'a turn is asked for': (bench) => bench.ask('c'),
  'the work ends': (bench) => bench.finish(),
  'the work throws': (bench) => bench.fail(),
  'it is closed': (bench) => bench.close(),
};

/** What the event brings about. */
const table: { readonly [state: string]: { readonly [event: string]: string } } = {
  idle: {
    'a turn is asked for': 'begins c',
    'the work ends': '',
    'the work throws': '',
    'it is closed': 'closed',
  },
  working: {
    'a turn is asked for': '',
    'the work ends': 'over a',
    'the work throws': 'threw oops, over a',
    'it is closed': '',
  },
  'working, and one waits': {
    'a turn is asked for': '',
    'the work ends': 'over a, begins b',
    'the work throws': 'threw oops, over a, begins b',
    'it is closed': '',
  },
  'closing, and one waits': {
    'a turn is asked for': '',
    'the work ends': 'over a, over b, closed',
    'the work throws': 'threw oops, over a, over b, closed',
    'it is closed': '',
  },
  closed: {
    'a turn is asked for': 'over c',
    'the work ends': '',
    'the work throws': '',
    'it is closed': 'closed',
  },
};

describe('a queue: every event in every state', () => {
  for (const [state, arrange] of Object.entries(states))
    for (const [event, act] of Object.entries(events))
      test(`${state}: ${event}`, async () => {
        const bench = new Bench();
        await arrange(bench);
        await settle();
        bench.said.length = 0;
        act(bench);
        await settle();
        expect(bench.said.join(', ')).toBe(table[state]?.[event]);
      });
});
