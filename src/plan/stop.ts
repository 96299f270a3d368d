import type { Cause, Plan } from '../model/plan.ts';
import type { ObservedContainer, ObservedState } from '../model/state.ts';
import { type Chosen, choose } from './choose.ts';
import { addEndings, type EndingOptions, isAlive } from './ending.ts';
import { StepList } from './steps.ts';

/** `stop`: exactly the chosen services, dependents first. The stop is remembered, so that no restart policy undoes it. */
export function planStop(
  observed: ObservedState,
  options: Chosen & Pick<EndingOptions, 'graceMs' | 'preStop'> & { readonly cause?: Cause | undefined } = {},
): Plan {
  const list = new StepList();
  const { cause = { kind: 'requested' } } = options;
  const endings = choose(observed, options)
    .filter((container) => isAlive(container) || mayComeBack(container))
    .map((container) => ({ container, cause, byUser: true as const }));
  addEndings(list, endings, { graceMs: options.graceMs, preStop: options.preStop });
  return { steps: list.steps };
}

/** It has ended, but its restart policy has not said its last word: a stop is how the user says it. */
export function mayComeBack({ status, config, stoppedByUser }: ObservedContainer): boolean {
  return (status.kind === 'exited' || status.kind === 'failed') && config.restart.condition !== 'no' && !stoppedByUser;
}
