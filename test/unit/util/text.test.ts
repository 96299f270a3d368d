import { expect, test } from 'vitest';
import { closest, plural } from '../../../src/util/text.ts';

const keys = ['volumes', 'volumes_from', 'networks', 'ports', 'up', 'ps'];

test('a slip of one or two letters finds the word that was meant', () => {
  expect(closest('volums', keys)).toBe('volumes');
  expect(closest('netwroks', keys)).toBe('networks');
  expect(closest('Ports', keys)).toBe('ports');
});

test('two swapped letters of a short word are one slip', () => {
  expect(closest('pu', ['up', 'ls'])).toBe('up');
});

test('a word that resembles nothing finds nothing', () => {
  expect(closest('banana', keys)).toBeUndefined();
  expect(closest('', keys)).toBeUndefined();
});

test('a very long word costs no more than a short one', () => {
  expect(closest('x'.repeat(1_000_000), keys)).toBeUndefined();
});

test('the first of two equally near words wins, so that the answer does not depend on chance', () => {
  expect(closest('stat', ['stats', 'start'])).toBe('stats');
});

test('one thing is singular, none and many are plural', () => {
  expect([plural(1, 'service'), plural(0, 'service'), plural(2, 'entry', 'entries')]).toEqual([
    '1 service',
    '0 services',
    '2 entries',
  ]);
});
