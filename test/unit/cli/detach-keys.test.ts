import { expect, test } from 'vitest';
import { KeyWatch, parseKeys } from '../../../src/cli/detach-keys.ts';

test('keys are letters and control letters', () => {
  expect([parseKeys('ctrl-p,ctrl-q'), parseKeys('ctrl-]'), parseKeys('a,B')].map((keys) => [...(keys ?? [])])).toEqual([
    [16, 17],
    [29],
    [97, 66],
  ]);
  expect(['', 'ctrl-', 'ctrl-1', 'abc', 'a,,b'].map(parseKeys)).toEqual(Array(5).fill(undefined));
});

function type(...pieces: readonly number[][]) {
  const watch = new KeyWatch(Uint8Array.from([16, 17]));
  const seen = pieces.map((piece) => watch.feed(Uint8Array.from(piece)));
  return { typed: seen.flatMap(({ typed }) => [...typed]), detached: seen.at(-1)?.detached };
}

test('both keys after each other detach, however they arrive', () => {
  expect(type([104, 105, 16, 17])).toEqual({ typed: [104, 105], detached: true });
  expect(type([104, 16], [17])).toEqual({ typed: [104], detached: true });
  expect(type([16, 16, 17])).toEqual({ typed: [16], detached: true });
});

test('the first key alone is passed on when something else follows', () => {
  expect(type([16], [97])).toEqual({ typed: [16, 97], detached: false });
  expect(type([17, 16])).toEqual({ typed: [17], detached: false });
});
