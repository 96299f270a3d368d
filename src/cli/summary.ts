import type { ObservedContainer } from '../model/state.ts';
import type { Context } from './context.ts';
import { upSummary } from './render/summary.ts';

/** The last words of `up`, for people. */
export function saySummary(
  { globals, stderr, paintError }: Context,
  containers: readonly ObservedContainer[],
  tookMs: number,
): void {
  if (globals.json || globals.progress === 'json' || globals.progress === 'quiet') return;
  stderr.write(upSummary(containers, { tookMs, paint: paintError }));
}
