import type { Action, Plan } from '../model/plan.ts';
import type { ObservedContainer, ObservedState } from '../model/state.ts';
import type { SignalName } from '../model/units.ts';
import { type Chosen, choose } from './choose.ts';
import { isAlive } from './ending.ts';
import { StepList } from './steps.ts';

/**
 * `kill`: one signal to every chosen container that is alive, all at once. One that is meant to end it (SIGKILL, or its own
 * stop signal) is remembered like a stop; others are none of the restart policy's business.
 */
export function planKill(observed: ObservedState, options: Chosen & { readonly signal: SignalName }): Plan {
  const { signal } = options;
  return oneEach(choose(observed, options).filter(isAlive), ({ name, config }) => ({
    kind: 'kill',
    container: name,
    signal,
    ...((signal === 'SIGKILL' || signal === config.stopSignal) && { byUser: true }),
  }));
}

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
