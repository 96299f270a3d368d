import type { Event, RuntimeFailure } from '../model/event.ts';
import type { Plan, Step } from '../model/plan.ts';
import type { Session } from '../runtime/runtime.ts';
import { invariant } from '../util/assert.ts';

export type ApplyOptions = {
  /** Aborted: no further step is started, and steps that wait stop waiting. */
  readonly signal: AbortSignal;
  readonly onEvent: (event: Event) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /**
   * `cancel` (default): the first failure ends the plan, as docker compose does: what runs is finished, what waits is given
   * up, nothing new begins. `continue`: only what comes after the failed step is left out; right for taking things down.
   */
  readonly onFailure?: 'cancel' | 'continue' | undefined;
};

export type Applied = {
  readonly done: readonly Step[];
  readonly failed: readonly { readonly step: Step; readonly failure: RuntimeFailure }[];
  readonly skipped: readonly Step[];
};

/**
 * Carries a plan out. A step is started as soon as all before it have succeeded, steps that became ready together in the
 * order of the plan and without a pause between them (the runtime makes batches of them). Nothing is decided here: what
 * may fail (a wait for a dependency that is not required) is written in the step.
 */
export async function applyPlan(
  plan: Plan,
  session: Pick<Session, 'perform'>,
  options: ApplyOptions,
): Promise<Applied> {
  const { onEvent, now, onFailure = 'cancel' } = options;
  const cancel = new AbortController();
  const signal = AbortSignal.any([options.signal, cancel.signal]);
  const graph = graphOf(plan);
  const done: Step[] = [];
  const failed: { readonly step: Step; readonly failure: RuntimeFailure }[] = [];
  const begun = new Set<Step>();

  const run = async (step: Step): Promise<void> => {
    begun.add(step);
    onEvent({ kind: 'step-started', step, atMs: now() });
    let started = false;
    const onStart = graph.startsNext(step)
      ? () => {
          started = true;
        }
      : undefined;
    const outcome = await session.perform(step.action, signal, onStart).catch((bug: unknown) => {
      cancel.abort();
      throw bug;
    });
    if (!outcome.ok && !(isOptional(step) && outcome.error.code !== 'interrupted')) {
      failed.push({ step, failure: outcome.error });
      onEvent({ kind: 'step-failed', step, failure: outcome.error, atMs: now() });
      if (onFailure === 'cancel') cancel.abort();
      return;
    }
    if (!outcome.ok) onEvent({ kind: 'warning', action: step.action, message: outcome.error.message });
    done.push(step);
    onEvent({ kind: 'step-done', step, atMs: now(), ...(!outcome.ok && { failure: outcome.error }) });
    // Given up, nothing new begins; but what has begun by itself is seen to its end.
    const goesOn = (next: Step): boolean => !signal.aborted || (started && isStartOf(next, step));
    await runAll(graph.release(step).filter(goesOn));
  };
  const runAll = async (steps: readonly Step[]): Promise<void> => {
    const ends = await Promise.allSettled(steps.map(run));
    // A bug of ours in one branch: the other branches were still followed to their end.
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  };
  try {
    if (!signal.aborted) await runAll(graph.first);
  } finally {
    cancel.abort();
  }

  const skipped = plan.steps.filter((step) => !begun.has(step));
  const because = reasonToSkip(options.signal, failed[0]?.step);
  for (const step of skipped) onEvent({ kind: 'step-skipped', step, because });
  return { done, failed, skipped };
}

function reasonToSkip(signal: AbortSignal, failed: Step | undefined): string {
  if (signal.aborted) return 'interrupted';
  return failed === undefined ? 'an earlier step did not succeed' : `"${failed.id}" did not succeed`;
}

const isOptional = ({ action }: Step): boolean =>
  (action.kind === 'wait' && !action.dependency.required) ||
  (action.kind === 'prove' && !action.required) ||
  (action.kind === 'hook' && action.optional === true);

type Graph = {
  readonly first: readonly Step[];
  /** Steps for which `step` was the last one to wait for. */
  readonly release: (step: Step) => readonly Step[];
  /** Whether `step` creates a container whose start waits for nothing else. */
  readonly startsNext: (step: Step) => boolean;
};

const isStartOf = ({ action }: Step, { action: before }: Step): boolean =>
  action.kind === 'start' && before.kind === 'create' && action.container === before.container.name;

function graphOf(plan: Plan): Graph {
  const waitsFor = new Map<Step, number>();
  const dependents = new Map<string, Step[]>();
  for (const step of plan.steps) {
    for (const id of step.after) {
      const others = dependents.get(id);
      invariant(others !== undefined, `"${id}" stands before "${step.id}" in the plan`);
      others.push(step);
    }
    invariant(!dependents.has(step.id), `"${step.id}" is once in the plan`);
    dependents.set(step.id, []);
    waitsFor.set(step, step.after.length);
  }
  const release = (step: Step): readonly Step[] =>
    (dependents.get(step.id) ?? []).filter((dependent) => {
      const left = (waitsFor.get(dependent) ?? 0) - 1;
      waitsFor.set(dependent, left);
      return left === 0;
    });
  const startsNext = (step: Step): boolean =>
    (dependents.get(step.id) ?? []).some((other) => other.after.length === 1 && isStartOf(other, step));
  return { first: plan.steps.filter(({ after }) => after.length === 0), release, startsNext };
}
