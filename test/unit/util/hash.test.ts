import { expect, test } from 'vitest';
import { hashOfText, hexOfText } from '../../../src/util/hash.ts';

test('whole words hash as MurmurHash3 with seed 0 has it', () => {
  expect(hashOfText('')).toBe(0);
  expect(hashOfText('test')).toBe(0xba6bd213);
});

test('texts that differ only in their length, or in bytes of the last word, hash apart', () => {
  const texts = ['a', 'a\0', 'a\0\0', 'b', 'shop', 'shop1', 'shop2', '/srv/shop', 'ü', 'u'];
  expect(new Set(texts.map(hashOfText)).size).toBe(texts.length);
});

test('as text a hash has eight digits, small ones too', () => {
  expect(hexOfText('')).toBe('00000000');
  expect(hexOfText('test')).toBe('ba6bd213');
});
