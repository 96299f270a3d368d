import { describe, expect, test } from 'vitest';
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

const startsWith = (whole: string, part: string): boolean => whole.slice(0, part.length) === part;

describe.each(['a', 'ab', 'aa', 'aab', 'aba', 'abab', 'aabaa'])('with %s as keys', (keys) => {
  const feed = (watch: KeyWatch, text: string) => {
    const { typed, detached } = watch.feed(Buffer.from(text));
    return { typed: Buffer.from(typed).toString(), detached };
  };

  // A state is how much of the keys is held back, an event is what is typed next.
  const pairs = Array.from(keys, (_, length) => keys.slice(0, length)).flatMap((held) =>
    ['a', 'b', 'c'].map((key) => ({ held, key })),
  );
  test.each(pairs)('"$held" held back and then $key', ({ held, key }) => {
    const watch = new KeyWatch(Buffer.from(keys));
    expect(feed(watch, held)).toEqual({ typed: '', detached: false });
    const all = held + key;
    const cut = Array.from({ length: all.length + 1 }, (_, at) => at).find((at) => startsWith(keys, all.slice(at)));
    const typed = all.slice(0, cut);
    expect(feed(watch, key)).toEqual({ typed, detached: all === keys });
    if (all === keys) return;
    // What is held back now is what the rest of the keys completes.
    expect(feed(watch, keys.slice(all.length - typed.length))).toEqual({ typed: '', detached: true });
  });
});
