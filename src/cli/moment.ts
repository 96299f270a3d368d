import { parseDuration } from '../spec/units.ts';
import type { Result } from '../util/result.ts';
import { err, ok } from '../util/result.ts';
import type { Context } from './context.ts';
import { exitCode } from './exit-code.ts';
import { sayError } from './say.ts';

/**
 * What `--since` and `--until` take: a span before now (`10m`, `1h30m`), an RFC 3339 time (without a zone: ours), a date, or
 * Unix seconds. Milliseconds since the epoch; undefined when it is none of these.
 */
export function parseMoment(text: string, nowMs: number): number | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const span = parseDuration(text);
  if (span !== undefined) return nowMs - span;
  // A date alone would be taken as UTC.
  if (!/^\d{4}-\d\d-\d\d(T\d\d(:\d\d(:\d\d(\.\d+)?)?)?(Z|[+-]\d\d:?\d\d)?)?$/i.test(text)) return undefined;
  const hours = /T\d\d$/i.test(text) ? ':00' : '';
  const time = Date.parse(text.includes('T') || text.includes('t') ? `${text}${hours}` : `${text}T00:00:00`);
  return Number.isNaN(time) ? undefined : time;
}

/** The value of such a flag when it was given; the error is an exit code. */
export function readMoment(
  context: Context,
  flag: string,
  text: string | undefined,
): Result<number | undefined, number> {
  if (text === undefined) return ok(undefined);
  const moment = parseMoment(text, Date.now());
  if (moment !== undefined) return ok(moment);
  const hint = 'write a span (10m), a time (2026-02-28T13:00:00Z), a date, or Unix seconds';
  sayError(context, { code: 'usage', message: `"${text}" is no time for --${flag}`, hint });
  return err(exitCode.usage);
}
