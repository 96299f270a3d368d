import { applyPlan } from '../apply/apply.ts';
import type { DesiredState, ObservedContainer } from '../model/state.ts';
import type { ProjectName } from '../model/units.ts';
import { planWait } from '../plan/wait.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Context } from './context.ts';
import { type Deadline, tooLate } from './deadline.ts';
import { exitCode } from './exit-code.ts';
import { sayFailedStep } from './explain.ts';
import { openProgress } from './render/open-progress.ts';

export type Awaiting = {
  readonly project: ProjectName;
  /** What the stack file says: failures are shown in it. */
  readonly desired?: DesiredState | undefined;
  readonly containers: readonly ObservedContainer[];
  readonly deadline?: Deadline | undefined;
  /** Aborted: the user has waited long enough. */
  readonly signal: AbortSignal;
};

/** `--wait`: until everything is ready (0), something cannot become so or time is up (5), or the signal (130). */
export async function awaitReady(context: Context, runtime: Runtime, awaiting: Awaiting): Promise<number> {
  const { project, desired, deadline, signal } = awaiting;
  const plan = planWait(
    awaiting.containers.map((container) => ({
      container,
      origins: desired?.containers.find(({ name }) => name === container.name)?.origins,
    })),
  );
  const progress = await openProgress(context, { title: 'wait', live: true });
  process.once('exit', progress.close);
  try {
    progress.plan(plan);
    const { failed, skipped } = await applyPlan(
      plan,
      { perform: (action, until) => runtime.wait(project, action as Parameters<Runtime['wait']>[1], until) },
      {
        signal: deadline === undefined ? signal : AbortSignal.any([signal, deadline.signal]),
        onEvent: progress.event,
        now: Date.now,
        onFailure: 'continue',
      },
    );
    progress.close();
    if (signal.aborted) return exitCode.interrupted;
    for (const refused of failed) {
      await sayFailedStep(context, deadline === undefined ? refused : tooLate(refused, deadline), { project, desired });
    }
    return failed.length + skipped.length === 0 ? exitCode.ok : exitCode.timeout;
  } finally {
    progress.close();
    process.off('exit', progress.close);
  }
}
