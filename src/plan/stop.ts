import { mayComeBack } from '../model/coming-back.ts';
import type { Cause, Plan } from '../model/plan.ts';
import type { ObservedContainer, ObservedState } from '../model/state.ts';
import { type Chosen, choose } from './choose.ts';
import { addEndings, type EndingOptions, isAlive } from './ending.ts';
import { leftAfterEnd } from './hooks.ts';
import { StepList } from './steps.ts';

/**
 * `stop`: exactly the chosen services, dependents first. The stop is remembered, so that no restart policy undoes it, also of
 * what has ended and may come back. Hooks after an end that nobody has run are run now.
 */
export function planStop(
  observed: ObservedState,
  options: Chosen & Pick<EndingOptions, 'graceMs' | 'preStop'> & { readonly cause?: Cause | undefined } = {},
): Plan {
  const list = new StepList();
  const { cause = { kind: 'requested' } } = options;
  const endings = choose(observed, options)
    .filter((container) => isRemembered(container) || leftAfterEnd(container) !== undefined)
    .map((container) => ({ container, cause, ...(isRemembered(container) && { byUser: true as const }) }));
  addEndings(list, endings, { graceMs: options.graceMs, preStop: options.preStop });
  return { steps: list.steps };
}

const isRemembered = (container: ObservedContainer): boolean => isAlive(container) || mayComeBack(container);
