import { expect, test } from 'vitest';
import { LastBytes } from '../../../src/util/last-bytes.ts';

test('keeps the end of what is added, however it is cut', () => {
  const all = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 251));
  for (const size of [1, 7, 10, 64, 1000]) {
    const last = new LastBytes(10);
    for (let at = 0; at < all.length; at += size) last.add(all.subarray(at, at + size));
    expect(last.value()).toEqual(all.subarray(-10));
  }
});

test('keeps all of what is shorter', () => {
  const last = new LastBytes(10);
  expect(last.value().toString()).toBe('');
  last.add(Buffer.from('ab'));
  last.add(Buffer.from('c'));
  expect(last.value().toString()).toBe('abc');
});
