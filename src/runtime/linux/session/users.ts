import type { RuntimeFailure } from '../../../model/event.ts';
import { ok, type Result } from '../../../util/result.ts';
export const resolveUser = (
  _l: readonly string[],
  _u: string | undefined,
  _g: readonly string[],
): Result<{ uid: number; gid: number; groups: number[]; home: string }, RuntimeFailure> =>
  ok({ uid: 0, gid: 0, groups: [0], home: '/root' });
