import { mayComeBack } from '../model/coming-back.ts';
import type { Action, Plan } from '../model/plan.ts';
import type { ObservedContainer, ObservedState } from '../model/state.ts';
import type { Millis, SignalName } from '../model/units.ts';
import { type Chosen, choose } from './choose.ts';
import { addEndings, isAlive } from './ending.ts';
import { leftAfterEnd } from './hooks.ts';
import { StepList } from './steps.ts';

/**
 * `kill`: one signal to every chosen container that is alive, all at once. One that is meant to end it (SIGKILL, or its own
 * stop signal) is remembered like a stop; others are none of the restart policy's business.
 */
export function planKill(observed: ObservedState, options: KillOptions): Plan {
  const { signal, sent } = options;
  const list = new StepList();
  const cause = { kind: 'requested' } as const;
  for (const container of choose(observed, options)) {
    const { name, config } = container;
    const byUser = (signal === 'SIGKILL' || signal === config.stopSignal) && ({ byUser: true } as const);
    if (isAlive(container) && signal === 'SIGKILL' && config.hooks.postStop.length > 0 && options.postStop !== 'skip') {
      addEndings(list, [{ container, cause, byUser: true }], {
        graceMs: 0 as Millis,
        preStop: 'skip',
        postStop: 'whole',
      });
    } else if (isAlive(container)) list.add({ action: { kind: 'kill', container: name, signal, ...byUser }, cause });
    else if (sent && byUser) addKilled(list, container);
  }
  return { steps: list.steps };
}

/** It was killed before we had the project: that is put on record, and what is to follow its end follows. */
function addKilled(list: StepList, container: ObservedContainer): void {
  if (leftAfterEnd(container) === undefined && !mayComeBack(container)) return;
  addEndings(list, [{ container, cause: { kind: 'requested' }, byUser: true }]);
}

export type KillOptions = Chosen & {
  readonly signal: SignalName;
  /** It has been, when somebody else had the project: what has ended of it is to be remembered as stopped. */
  readonly sent?: boolean;
  /** `skip`: only signals are planned, not the hooks after the ends that SIGKILL brings about. */
  readonly postStop?: 'skip';
};

export function planPause(observed: ObservedState, options: Chosen = {}): Plan {
  const running = choose(observed, options).filter(({ status }) => status.kind === 'running');
  return oneEach(running, ({ name }) => ({ kind: 'pause', container: name }));
}

export function planUnpause(observed: ObservedState, options: Chosen = {}): Plan {
  const paused = choose(observed, options).filter(({ status }) => status.kind === 'paused');
  return oneEach(paused, ({ name }) => ({ kind: 'unpause', container: name }));
}

function oneEach(containers: readonly ObservedContainer[], actionFor: (container: ObservedContainer) => Action): Plan {
  const list = new StepList();
  for (const container of containers) list.add({ action: actionFor(container), cause: { kind: 'requested' } });
  return { steps: list.steps };
}
