import { describe } from 'vitest';
import { Queue } from '../../../../src/supervise/watch/queue.ts';
import { type Pairs, testSaid, Works } from '../../../support/pairs.ts';
import { settle } from '../../../support/settle.ts';

/** What happens, in words; each work says when it begins, and ends when it is told to. */
class Bench {
  readonly said: string[] = [];
  readonly works = new Works();
  readonly queue = new Queue((error) => this.said.push(`threw ${(error as Error).message}`));

  ask(name: string): void {
    const work = () => {
      this.said.push(`begins ${name}`);
      return this.works.begin();
    };
    this.queue.take(work).then(
      () => this.said.push(`over ${name}`),
      (bug: unknown) => this.said.push(`${name} threw ${bug}`),
    );
  }

  close(): void {
    this.queue.close().then(
      () => this.said.push('closed'),
      (bug: unknown) => this.said.push(`close threw ${bug}`),
    );
  }
}

const states: Pairs<Bench>['states'] = {
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

const events: Pairs<Bench>['events'] = {
  'a turn is asked for': (bench) => bench.ask('c'),
  'the work ends': (bench) => bench.works.end(),
  'the work throws': (bench) => bench.works.fail(new Error('oops')),
  'it is closed': (bench) => bench.close(),
};

const table: Pairs<Bench>['table'] = {
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
  testSaid({ states, events, table }, () => new Bench());
});
