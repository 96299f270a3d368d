import { expect, test } from 'vitest';

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
