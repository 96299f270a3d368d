import { expect, test } from 'vitest';
import { settle } from './settle.ts';

type Deed<Bench> = (bench: Bench) => unknown;

export type Pairs<Bench> = {
  /** How each state comes about. */
  readonly states: { readonly [state: string]: Deed<Bench> };
  readonly events: { readonly [event: string]: Deed<Bench> };
  /** What the event brings about in the state, as `run` tells it. */
  readonly table: { readonly [state: string]: { readonly [event: string]: string } };
};

/** One test for every event in every state; a pair that the table forgets fails. */
export function testPairs<Bench>(
  { states, events, table }: Pairs<Bench>,
  run: (arrange: Deed<Bench>, act: Deed<Bench>) => Promise<string>,
): void {
  for (const [state, arrange] of Object.entries(states))
    for (const [event, act] of Object.entries(events))
      test(`${state}: ${event}`, async () => {
        expect(await run(arrange, act)).toBe(table[state]?.[event]);
      });
}

/** The same for what needs no time: what a fresh bench has said of the event once everything has come to rest. */
export function testSaid<Bench extends { readonly said: string[] }>(pairs: Pairs<Bench>, make: () => Bench): void {
  testPairs(pairs, async (arrange, act) => {
    const bench = make();
    await arrange(bench);
    await settle();
    bench.said.length = 0;
    await act(bench);
    await settle();
    return bench.said.join(', ');
  });
}

/** Works that go on until the test ends them, the oldest first. */
export class Works {
  readonly #open: { readonly end: () => void; readonly fail: (error: Error) => void }[] = [];

  begin = (): Promise<void> => new Promise((end, fail) => void this.#open.push({ end, fail }));

  end(): void {
    this.#open.shift()?.end();
  }

  fail(error: Error): void {
    this.#open.shift()?.fail(error);
  }
}
