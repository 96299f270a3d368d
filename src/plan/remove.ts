import type { Plan } from '../model/plan.ts';
import type { ObservedState } from '../model/state.ts';
import { type Chosen, choose, withOneOffs } from './choose.ts';
import { addEndings, isAlive } from './ending.ts';
import { StepList } from './steps.ts';

export type RemoveOptions = Chosen & {
  /** -s: running ones are stopped first; otherwise they are left alone. */
  readonly stop?: boolean | undefined;
  /** -v: their anonymous volumes go too. */
  readonly volumes?: boolean | undefined;
};

/** `rm`: the chosen containers that do not run. */
export function planRemove(observed: ObservedState, options: RemoveOptions = {}): Plan {
  const list = new StepList();
  const endings = choose(withOneOffs(observed), options)
    .filter((container) => options.stop || !isAlive(container))
    .map((container) => ({
      container,
      cause: { kind: 'requested' } as const,
      remove: { volumes: options.volumes === true },
    }));
  addEndings(list, endings);
  return { steps: list.steps };
}
