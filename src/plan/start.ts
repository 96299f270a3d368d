import type { Plan } from '../model/plan.ts';
import type { ObservedState } from '../model/state.ts';
import { type Chosen, choose } from './choose.ts';
import { isAlive } from './ending.ts';
import { addStartings, finishing, type Starting } from './starting.ts';
import { StepList } from './steps.ts';

/** `start`: what exists and does not run, dependencies of the chosen services included; nothing is made or compared. */
export function planStart(observed: ObservedState, options: Chosen = {}): Plan {
  const list = new StepList();
  const startings = choose(observed, options, { along: 'dependencies' }).map((container): Starting => {
    const { status } = container;
    const unfinished = finishing(container);
    if (unfinished !== undefined) return unfinished;
    return {
      container,
      status,
      hooksLeft: container.hooksLeft,
      work: isAlive(container) ? 'nothing' : 'start',
      cause: { kind: 'not-running', status: status.kind },
      preStart: status.kind === 'created' && container.number === 1,
      after: [],
    };
  });
  addStartings(list, startings);
  return { steps: list.steps };
}
