import { describe } from 'vitest';
import type { RuntimeFailure } from '../../../../../src/model/event.ts';
import { Turns } from '../../../../../src/runtime/linux/session/turns.ts';
import { err, ok, type Result } from '../../../../../src/util/result.ts';
import { type Pairs, testSaid, Works } from '../../../../support/pairs.ts';
import { settle } from '../../../../support/settle.ts';

type Held = Result<void, RuntimeFailure>;
type Shared = ConstructorParameters<typeof Turns>[0];

const interrupted: Held = err({ code: 'interrupted', message: 'cannot go on', notes: [] });

/** A session with a lock that is handed out by the test: what is done with it, in words. */
class Bench {
  readonly said: string[] = [];
  readonly #under = { work: new Works(), wait: new Works() };
  #answer: ((held: Held) => void) | undefined;
  readonly turns = new Turns({
    launcher: { yield: () => void this.said.push('gives the lock away') },
    network: { close: async () => ok(undefined) },
    warn: () => {},
    relock: () => {
      this.said.push('asks for it');
      return new Promise<Held>((resolve) => {
        this.#answer = resolve;
      });
    },
  } as unknown as Shared);

  begin(kind: 'work' | 'wait'): void {
    const action = () => {
      this.said.push(`${kind}s`);
      return this.#under[kind].begin().then(() => ok(undefined));
    };
    this.turns[kind](action).then(
      (outcome) => this.said.push(`${kind} ${outcome.ok ? 'done' : 'refused'}`),
      (bug: unknown) => this.said.push(`${kind} threw ${bug}`),
    );
  }

  end(kind: 'work' | 'wait'): void {
    this.#under[kind].end();
  }

  answer(held: Held): void {
    this.#answer?.(held);
    this.#answer = undefined;
  }
}

const states: Pairs<Bench>['states'] = {
  idle: () => {},
  working: (bench) => bench.begin('work'),
  'working and waiting': (bench) => {
    bench.begin('work');
    bench.begin('wait');
  },
  'given away': (bench) => bench.begin('wait'),
  'asked for again': async (bench) => {
    bench.begin('wait');
    await settle();
    bench.begin('work');
  },
  'had again, waiting': async (bench) => {
    bench.begin('wait');
    await settle();
    bench.begin('work');
    await settle();
    bench.answer(ok(undefined));
  },
  lost: async (bench) => {
    bench.begin('wait');
    await settle();
    bench.begin('work');
    await settle();
    bench.end('wait');
    bench.answer(interrupted);
  },
};

const events: Pairs<Bench>['events'] = {
  'a work is begun': (bench) => bench.begin('work'),
  'a work ends': (bench) => bench.end('work'),
  'a wait is begun': (bench) => bench.begin('wait'),
  'a wait ends': (bench) => bench.end('wait'),
  'a wait is over at once': (bench) => {
    bench.begin('wait');
    bench.end('wait');
  },
  'the lock comes': (bench) => bench.answer(ok(undefined)),
  'the lock does not come': (bench) => bench.answer(interrupted),
};

const unasked = { 'the lock comes': '', 'the lock does not come': '' };

const table: Pairs<Bench>['table'] = {
  idle: {
    'a work is begun': 'works',
    'a work ends': '',
    'a wait is begun': 'waits, gives the lock away',
    'a wait ends': '',
    'a wait is over at once': 'waits, wait done',
    ...unasked,
  },
  working: {
    'a work is begun': 'works',
    'a work ends': 'work done',
    'a wait is begun': 'waits',
    'a wait ends': '',
    'a wait is over at once': 'waits, wait done',
    ...unasked,
  },
  'working and waiting': {
    'a work is begun': 'works',
    'a work ends': 'work done, gives the lock away',
    'a wait is begun': 'waits',
    'a wait ends': 'wait done',
    'a wait is over at once': 'waits, wait done',
    ...unasked,
  },
  'given away': {
    'a work is begun': 'asks for it',
    'a work ends': '',
    'a wait is begun': 'waits',
    'a wait ends': 'wait done',
    'a wait is over at once': 'waits, wait done',
    ...unasked,
  },
  'asked for again': {
    'a work is begun': '',
    'a work ends': '',
    'a wait is begun': 'waits',
    'a wait ends': 'wait done',
    'a wait is over at once': 'waits, wait done',
    'the lock comes': 'works',
    // Its launcher was given up, and hears nothing of it.
    'the lock does not come': 'work refused, gives the lock away',
  },
  'had again, waiting': {
    'a work is begun': 'works',
    'a work ends': 'work done, gives the lock away',
    'a wait is begun': 'waits',
    'a wait ends': 'wait done',
    'a wait is over at once': 'waits, wait done',
    ...unasked,
  },
  lost: {
    'a work is begun': 'work refused',
    'a work ends': '',
    'a wait is begun': 'waits, gives the lock away',
    'a wait ends': '',
    'a wait is over at once': 'waits, wait done',
    ...unasked,
  },
};

describe('the lock within a session: every event in every state', () => {
  testSaid({ states, events, table }, () => new Bench());
});
