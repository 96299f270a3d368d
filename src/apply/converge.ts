import type { Plan } from '../model/plan.ts';
import type { ObservedState } from '../model/state.ts';
import type { ContainerName } from '../model/units.ts';
import type { Session } from '../runtime/runtime.ts';
import { type Applied, type ApplyOptions, applyPlan } from './apply.ts';

export type ConvergeOptions = ApplyOptions & {
  /**
   * What is still to be done. `settled` are the containers this command has made or started: what becomes of them is no
   * reason to do so again (a one-shot may have ended by now).
   */
  readonly plan: (observed: ObservedState, settled: ReadonlySet<ContainerName>) => Plan;
  /** Hears every plan before it is carried out; rounds count from 1. */
  readonly onPlan?: ((plan: Plan, round: number) => void) | undefined;
};

export type Converged = {
  /**
   * `converged`: nothing is left to do. `unsettled`: every step succeeded, and yet the machine differs after the last
   * round; something else changes it, `remaining` says what.
   */
  readonly outcome: 'converged' | 'unsettled' | 'failed' | 'interrupted';
  readonly rounds: readonly { readonly plan: Plan; readonly applied: Applied }[];
  readonly remaining: Plan;
  readonly observed: ObservedState;
};

export const maxRounds = 3;

/** Observe, plan, apply, and again until the plan is empty: what changed while a plan was carried out is noticed, not assumed. */
export async function converge(session: Session, options: ConvergeOptions): Promise<Converged> {
  const rounds: { readonly plan: Plan; readonly applied: Applied }[] = [];
  const settled = new Set<ContainerName>();
  for (;;) {
    const observed = await session.observe();
    const plan = options.plan(observed, settled);
    const end = (outcome: Converged['outcome']): Converged => ({ outcome, rounds, remaining: plan, observed });
    const failed = rounds.at(-1)?.applied.failed.length;
    if (plan.steps.length === 0 && !failed) return end('converged');
    if (options.signal.aborted) return end('interrupted');
    if (failed) return end('failed');
    if (rounds.length === maxRounds) return end('unsettled');

    options.onPlan?.(plan, rounds.length + 1);
    const applied = await applyPlan(plan, session, options);
    rounds.push({ plan, applied });
    for (const { action } of applied.done) {
      if (action.kind === 'create') settled.add(action.container.name);
      if (action.kind === 'start' || action.kind === 'unpause') settled.add(action.container);
    }
  }
}
