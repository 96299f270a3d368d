import type { ObservedContainer } from './state.ts';

/**
 * It has ended, but its restart policy has not said its last word, as far as the container itself tells: attempts are counted
 * by the supervisor. What was stopped for a moment is brought back, too, when nothing comes of that.
 */
export function mayComeBack({ status, stoppedByUser, givenUp, config: { restart } }: ObservedContainer): boolean {
  if (status.kind !== 'exited' && status.kind !== 'failed') return false;
  if (stoppedByUser || givenUp !== undefined || restart.condition === 'no') return false;
  return restart.condition !== 'on-failure' || status.exitCode !== 0;
}
