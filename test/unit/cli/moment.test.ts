import { expect, test } from 'vitest';
import { parseMoment } from '../../../src/cli/moment.ts';

const now = Date.UTC(2026, 1, 28, 13, 0, 0);

test.each([
  ['10m', now - 600_000],
  ['1h30m', now - 5_400_000],
  ['0', 0],
  ['1700000000', 1_700_000_000_000],
  ['1700000000.25', 1_700_000_000_250],
  ['2026-02-28T12:00:00Z', now - 3_600_000],
  ['2026-02-28T13:30:00.5+01:00', now - 1_800_000 + 500],
  ['2026-02-28', new Date(2026, 1, 28).getTime()],
  ['2026-02-28T09:15', new Date(2026, 1, 28, 9, 15).getTime()],
  ['2026-02-28T09', new Date(2026, 1, 28, 9).getTime()],
])('%s is a moment', (text, moment) => {
  expect(parseMoment(text, now)).toBe(moment);
});

test.each(['yesterday', '', '2026-02', '2026-02-31x', '10x', '-5m'])('"%s" is none', (text) => {
  expect(parseMoment(text, now)).toBeUndefined();
});
