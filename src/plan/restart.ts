import type { Cause, Plan } from '../model/plan.ts';
import type { ObservedContainer, ObservedState } from '../model/state.ts';
import type { ContainerName, Millis, ServiceName } from '../model/units.ts';
import { type Chosen, choose } from './choose.ts';
import { addEndings, isAlive } from './ending.ts';
import { addHooks, leftAfterEnd } from './hooks.ts';
import { addStart, addStartings, finishing, type Starting } from './starting.ts';
import { StepList } from './steps.ts';

export type RestartOptions = Chosen & {
  readonly graceMs?: Millis | undefined;
  /** `ignore` (--no-deps): dependents that ask for it with `restart: true` are left alone. */
  readonly dependents?: 'follow' | 'ignore' | undefined;
};

/** `restart`: the chosen containers, also those that have ended, and running dependents that ask for it. */
export function planRestart(observed: ObservedState, options: RestartOptions = {}): Plan {
  const along = options.dependents === 'ignore' ? 'nothing' : 'restarting-dependents';
  const chosen = new Set(choose(observed, options).map(({ name }) => name));
  const restarting = choose(observed, options, { along }).filter(
    (container) => chosen.has(container.name) || isAlive(container),
  );
  const services = new Set(restarting.map(({ service }) => service));
  return planRestartOf(observed, {
    names: new Set(restarting.map(({ name }) => name)),
    causeOf: (container) => (chosen.has(container.name) ? { kind: 'requested' } : dragged(container, services)),
    graceMs: options.graceMs,
  });
}

/**
 * The supervisor's plan after `service` was restarted by its policy or lost its health: dependents with `restart: true`
 * that run, and theirs in turn. The service itself is not in it.
 */
export function planDependentRestarts(observed: ObservedState, service: ServiceName): Plan {
  const dependents = choose(observed, { services: [service] }, { along: 'restarting-dependents' }).filter(
    (container) => container.service !== service && isAlive(container),
  );
  const services = new Set([service, ...dependents.map((container) => container.service)]);
  return planRestartOf(observed, {
    names: new Set(dependents.map(({ name }) => name)),
    causeOf: (container) => dragged(container, services),
    automatic: true,
  });
}

/** An automatic restart whose time has come. */
export type DueRestart = {
  readonly container: ContainerName;
  /** Which end of it this is about. */
  readonly endedAtMs: number;
  readonly exitCode: number | null;
  /** Which automatic restart in a row it is. */
  readonly attempt: number;
};

/**
 * The supervisor's plan for restarts that are due: of those containers that still are as they were when it was decided.
 * Dependencies are not waited for: they were there once, and what a container does without them is its own affair.
 */
export function planPolicyRestarts(observed: ObservedState, due: readonly DueRestart[]): Plan {
  const list = new StepList();
  for (const { container: name, endedAtMs, exitCode, attempt } of due) {
    const container = observed.containers.find((other) => other.name === name);
    const { status, stoppedByUser = false } = container ?? {};
    const isSame = status !== undefined && 'finishedAtMs' in status && status.finishedAtMs === endedAtMs;
    if (container === undefined || !isSame || stoppedByUser) continue;
    addStart(list, {
      starting: {
        container,
        status,
        hooksLeft: container.hooksLeft,
        work: 'start',
        cause: { kind: 'restart-policy', exitCode, attempt },
        automatic: true,
        after: [],
      },
      before: [],
    });
  }
  return { steps: list.steps };
}

export function dragged(container: ObservedContainer, services: ReadonlySet<ServiceName>): Cause {
  const edge = container.dependsOn.find(({ service, restart }) => restart && services.has(service));
  return { kind: 'dependency-restarted', dependency: edge?.service ?? container.service };
}

/** The hooks that are left after the end that a container is in. */
export function planPostStop(observed: ObservedState, name: ContainerName): Plan {
  const list = new StepList();
  const container = observed.containers.find((other) => other.name === name);
  const left = container && leftAfterEnd(container);
  if (container === undefined || left === undefined) return { steps: [] };
  const cause = { kind: 'not-running', status: 'exited' } as const;
  const hooks = container.config.hooks.postStop;
  addHooks(list, { container: name, when: 'post-stop', hooks, from: left.from, cause, after: [] });
  return { steps: list.steps };
}

/**
 * What a start has left undone whose maker was killed. A hook that failed is not tried again: whoever has started the container
 * was told.
 */
export function planFinishStart(observed: ObservedState, name: ContainerName): Plan {
  const list = new StepList();
  const container = observed.containers.find((other) => other.name === name);
  const starting = container?.hooksLeft?.failed === false ? finishing(container) : undefined;
  if (starting !== undefined) addStart(list, { starting, before: [] });
  return { steps: list.steps };
}

/** Stops and starts the named containers in order. */
export function planRestartOf(
  observed: ObservedState,
  {
    names,
    causeOf,
    graceMs,
    automatic,
  }: {
    readonly names: ReadonlySet<ContainerName>;
    readonly causeOf: (container: ObservedContainer) => Cause;
    readonly graceMs?: Millis | undefined;
    readonly automatic?: true;
  },
): Plan {
  const list = new StepList();
  const restarting = observed.containers.filter(({ name }) => names.has(name));
  const ended = addEndings(
    list,
    restarting.map((container) => ({ container, cause: causeOf(container) })),
    { graceMs },
  );
  const startings = observed.containers.map(
    (container): Starting => ({
      container,
      status: container.status,
      work: names.has(container.name) ? 'start' : 'nothing',
      cause: causeOf(container),
      automatic,
      after: [ended.get(container.name)?.stopped],
    }),
  );
  addStartings(list, startings);
  return { steps: list.steps };
}
