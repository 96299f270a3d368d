import type { ObservedContainer } from '../model/state.ts';
import type { Context } from './context.ts';
import { partSummary, upSummary } from './render/summary.ts';
import { isForPrograms } from './say.ts';

/** The last words of `up`, for people. */
export function saySummary(context: Context, containers: readonly ObservedContainer[], tookMs: number): void {
  const { stderr, paintError } = context;
  if (isForPeople(context)) stderr.write(upSummary(containers, { tookMs, paint: paintError }));
}

/** The last words of an `up` that did not succeed. */
export function sayPart(context: Context, containers: readonly ObservedContainer[]): void {
  if (isForPeople(context)) context.stderr.write(partSummary(containers));
}

const isForPeople = (context: Context): boolean => !isForPrograms(context) && context.globals.progress !== 'quiet';
