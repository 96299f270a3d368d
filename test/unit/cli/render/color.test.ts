import { expect, test } from 'vitest';
import { painter, wantsColor } from '../../../../src/cli/render/color.ts';

const tty = { isTty: true, noColorFlag: false };
const pipe = { isTty: false, noColorFlag: false };

test('a terminal gets colours, a pipe does not', () => {
  expect([wantsColor({ TERM: 'xterm' }, tty), wantsColor({ TERM: 'xterm' }, pipe)]).toEqual([true, false]);
});

test('NO_COLOR with any text turns them off, even when they are forced; empty it means nothing', () => {
  expect(wantsColor({ NO_COLOR: '0', FORCE_COLOR: '1' }, tty)).toBe(false);
  expect(wantsColor({ NO_COLOR: '' }, tty)).toBe(true);
});

test('the flag wins over everything', () => {
  expect(wantsColor({ FORCE_COLOR: '1' }, { isTty: true, noColorFlag: true })).toBe(false);
});

test('FORCE_COLOR and CLICOLOR_FORCE turn them on for pipes, and 0 means off', () => {
  expect(wantsColor({ FORCE_COLOR: '' }, pipe)).toBe(true);
  expect(wantsColor({ FORCE_COLOR: '0' }, tty)).toBe(false);
  expect(wantsColor({ CLICOLOR_FORCE: '1' }, pipe)).toBe(true);
  expect(wantsColor({ CLICOLOR_FORCE: '0' }, pipe)).toBe(false);
});

test('TERM=dumb and CLICOLOR=0 turn them off', () => {
  expect([wantsColor({ TERM: 'dumb' }, tty), wantsColor({ CLICOLOR: '0' }, tty)]).toEqual([false, false]);
});

test('without colour a text stays as it is; an empty one never gets codes', () => {
  expect([painter(false)('red', 'x'), painter(true)('red', ''), painter(true)('red', 'x')]).toEqual([
    'x',
    '',
    '\x1b[31mx\x1b[0m',
  ]);
});
