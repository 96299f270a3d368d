import type { Result } from '../util/result.ts';
import { err, ok } from '../util/result.ts';
import type { Context } from './context.ts';
import { exitCode } from './exit-code.ts';
import { sayError } from './say.ts';

/** `SERVICE=N` words; the error is an exit code. */
export function readScales(context: Context, words: readonly string[]): Result<ReadonlyMap<string, number>, number> {
  const scales = new Map<string, number>();
  for (const word of words) {
    const match = /^(.+)=(\d{1,4})$/.exec(word);
    if (match === null) {
      const hint = 'write SERVICE=N, for example web=3';
      sayError(context, { code: 'usage', message: `"${word}" does not say how many containers`, hint });
      return err(exitCode.usage);
    }
    scales.set(match[1] as string, Number(match[2]));
  }
  return ok(scales);
}
