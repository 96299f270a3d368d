import type { Cause, HookTime } from '../model/plan.ts';
import type { Hook } from '../model/project.ts';
import type { Origin } from '../model/source.ts';
import type { HooksLeft, ObservedContainer } from '../model/state.ts';
import type { ContainerName, Millis } from '../model/units.ts';
import type { StepList } from './steps.ts';

type HookSteps = {
  readonly container: ContainerName;
  readonly when: HookTime;
  readonly hooks: readonly Hook[];
  /** The ones before it have been run. */
  readonly from?: number;
  readonly cause: Cause;
  readonly after: readonly (string | undefined)[];
  readonly origin?: Origin | undefined;
  readonly withinMs?: Millis | undefined;
};

/** Adds hooks one after the other; what is to come after them comes after the ids that are returned. */
export function addHooks(
  list: StepList,
  { container, when, hooks, from = 0, cause, after: before, origin, withinMs }: HookSteps,
): readonly (string | undefined)[] {
  let after = before;
  for (const [index, hook] of hooks.entries()) {
    if (index < from) continue;
    const action = {
      kind: 'hook',
      container,
      when,
      hook,
      // What it was for is over.
      ...(when === 'post-stop' && { optional: true as const }),
      ...(withinMs !== undefined && { withinMs }),
    } as const;
    after = [list.add({ action, cause, after, origin, index })];
  }
  return after;
}

/** What is left of the hooks after the end that a container is in; undefined: nothing. */
export const leftAfterEnd = ({
  status,
  hooksLeft,
}: Pick<ObservedContainer, 'status' | 'hooksLeft'>): HooksLeft | undefined =>
  status.kind === 'exited' ? hooksLeft : undefined;
