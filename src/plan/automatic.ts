import type { Plan } from '../model/plan.ts';
import type { ObservedContainer, ObservedState } from '../model/state.ts';
import type { ContainerName } from '../model/units.ts';
import { StepList } from './steps.ts';

/** A restart that a policy asks for, and the end it answers to. */
export type DueRestart = {
  readonly container: ContainerName;
  /** `finishedAtMs` of that end: if the container has lived or died since, the restart is void. */
  readonly endedAtMs: number;
  readonly exitCode: number | null;
  /** 1 for the first automatic restart in a row. */
  readonly attempt: number;
};

/**
 * The supervisor's plan. It is made under the lock from what is there by then: somebody may have started, removed or, by
 * a stop, taken the container out of the policy's hands since the restart fell due.
 */
export function planAutomaticRestarts(observed: ObservedState, due: readonly DueRestart[]): Plan {
  const list = new StepList();
  for (const { container: name, endedAtMs, exitCode, attempt } of due) {
    const container = observed.containers.find((other) => other.name === name);
    if (container === undefined || container.stoppedByUser || endOf(container) !== endedAtMs) continue;
    const cause = { kind: 'restart-policy', exitCode, attempt } as const;
    list.add({ action: { kind: 'start', container: name, automatic: true }, cause });
  }
  return { steps: list.steps };
}

/** When it ended last; undefined while it has not. */
export function endOf({ status }: ObservedContainer): number | undefined {
  return status.kind === 'exited' || status.kind === 'failed' ? status.finishedAtMs : undefined;
}

/**
 * After a boot: what ran before and whose policy wants it to run again. As with Docker, `always` also brings back what the
 * user had stopped, `unless-stopped` does not; `on-failure` only what had not ended well.
 */
export function planRestore(observed: ObservedState): Plan {
  const list = new StepList();
  for (const container of observed.containers) {
    if (container.monitored || !wantsRestore(container)) continue;
    const cause = { kind: 'not-running', status: container.status.kind } as const;
    list.add({ action: { kind: 'start', container: container.name, automatic: true }, cause });
  }
  return { steps: list.steps };
}

function wantsRestore({ config, status, stoppedByUser }: ObservedContainer): boolean {
  if (status.kind !== 'exited') return false;
  switch (config.restart.condition) {
    case 'always':
      return true;
    case 'unless-stopped':
      return !stoppedByUser;
    case 'on-failure':
      return !stoppedByUser && status.exitCode !== 0;
    case 'no':
      return false;
  }
}
