import { mayComeBack } from '../model/coming-back.ts';
import type { Cause, Plan } from '../model/plan.ts';
import type { ObservedState } from '../model/state.ts';
import { type Chosen, choose } from './choose.ts';
import { addEndings, type EndingOptions, isAlive } from './ending.ts';
import { StepList } from './steps.ts';

/**
 * `stop`: exactly the chosen services, dependents first. The stop is remembered, so that no restart policy undoes it, also of
 * what has ended and may come back.
 */
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
