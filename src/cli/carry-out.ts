import { type Converged, converge } from '../apply/converge.ts';
import type { Event, RuntimeFailure } from '../model/event.ts';
import type { ActionOf, Plan, Step } from '../model/plan.ts';
import type { DesiredContainer, DesiredState, ObservedState } from '../model/state.ts';
import type { ContainerName, ProjectName } from '../model/units.ts';
import { formatPlan } from '../plan/format.ts';
import { lifeBegan } from '../runtime/linux/life-began.ts';
import { recordProjectFiles } from '../runtime/linux/list-projects.ts';
import { eventsPath } from '../runtime/linux/supervisor-lock.ts';
import type { Opening, Runtime, Session } from '../runtime/runtime.ts';
import { openEventLog } from '../supervise/event-log.ts';
import { recordEnds, recordSteps } from '../supervise/history.ts';
import type { Context } from './context.ts';
import { type Deadline, tooLate } from './deadline.ts';
import { exitCode, exitCodeOf } from './exit-code.ts';
import { containerOf, sayFailedStep, sayFailure } from './explain.ts';
import { checkMachine } from './preflight.ts';
import { openProgress } from './render/open-progress.ts';
import type { Progress } from './render/progress.ts';
import { sayError } from './say.ts';

/** A command that changes the machine: everything it does is in the plans. */
export type Change = {
  readonly title: string;
  readonly project: ProjectName;
  readonly plan: (observed: ObservedState, settled: ReadonlySet<ContainerName>) => Plan;
  /** The plan is never empty by itself (a restart): it is carried out and not worked out again. */
  readonly once?: true;
  /** What the stack file says: failures are shown in it. */
  readonly desired?: DesiredState;
  /** Absolute paths of the stack files, where the whole project is made from them. */
  readonly files?: readonly string[];
  readonly onFailure?: 'cancel' | 'continue';
  /** Called between the making of a container and its start. */
  readonly onCreated?: (container: DesiredContainer) => Promise<void>;
  /**
   * Begun when somebody else has the project, and given up when it is ours; true: nothing is left to be done then. What is
   * done is heard by `onEvent`.
   */
  readonly meanwhile?: ((onEvent: (event: Event) => void, signal: AbortSignal) => Promise<boolean>) | undefined;
  /** false: no redrawing, because others write to the terminal meanwhile. */
  readonly live?: false;
  /** Aborted: nothing further is begun. */
  readonly signal: AbortSignal;
  /** As `signal`, and what is waited for at that moment has failed. */
  readonly deadline?: Deadline | undefined;
};

export type Changed = {
  /** 0 when the machine is what it should be now. */
  readonly exitCode: number;
  /** false: there was nothing to do, and nothing was touched. */
  readonly worked: boolean;
  readonly observed: ObservedState;
  /** As it was when the command began. */
  readonly before: ObservedState;
  /** Containers with which something did not succeed. */
  readonly failed: readonly ContainerName[];
};

type Refused = { readonly step: Step; readonly failure: RuntimeFailure };

type Start = {
  readonly observed: ObservedState;
  /** What is to be done with it; worked out again once the lock is held. */
  readonly first: Plan;
};

/** Does what `change` has found to be done, and says what did not succeed. */
export async function carryOut(
  context: Context,
  runtime: Runtime,
  { observed, first, ...work }: Change & Start,
): Promise<Changed> {
  const untouched = { observed, before: observed, failed: [] };
  const likely = first.steps.flatMap(({ action }) => (action.kind === 'create' ? [action.container] : []));
  const opening = await runtime.begin(work.project, { title: work.title, likely });
  const refused = await checkMachine(context, first, observed);
  if (refused !== undefined) {
    await opening.cancel();
    return { exitCode: refused, worked: true, ...untouched };
  }
  const progress = await openProgress(context, { title: work.title, live: work.live !== false });
  // Whatever ends the process, the terminal is given back.
  process.once('exit', progress.close);
  const failed: Refused[] = [];
  const log = openEventLog(eventsPath(work.project, context.environment));
  const record = recordSteps(log, {
    by: work.title,
    lifeOf: (container) => lifeBegan(work.project, container, context.environment),
  });
  const onEvent = (event: Event) => {
    if (event.kind === 'step-failed') failed.push(event);
    record(event);
    progress.event(event);
  };
  try {
    const plan: Change['plan'] = (now, settled) => {
      recordEnds(log, now.containers);
      return work.plan(now, settled);
    };
    const { files } = work;
    const onDone = () => files && recordProjectFiles(work.project, { files, environment: context.environment });
    const converged = await applyPlans(runtime, { ...work, plan }, { opening, progress, onEvent, onDone });
    progress.close();
    if ('code' in converged) {
      const failure = isLate(work) ? noProjectIn(work.deadline) : converged;
      // As with steps: whoever has interrupted it knows, and is told what has come of that elsewhere.
      if (failure.code !== 'interrupted') sayFailure(context, failure);
      return { exitCode: exitCodeOf(failure.code), worked: true, ...untouched };
    }
    await explain(context, work, { failed, converged });
    return {
      exitCode: codeOf(converged, failed, work),
      worked: true,
      observed: converged.observed,
      before: observed,
      failed: failed.flatMap(({ step }) => containerOf(step) ?? []),
    };
  } finally {
    progress.close();
    process.off('exit', progress.close);
  }
}

/** Whether `--wait-timeout` has ended it, and nobody else. */
const isLate = (work: Change): work is Change & { readonly deadline: Deadline } =>
  work.deadline?.signal.aborted === true && !work.signal.aborted;

const noProjectIn = ({ seconds }: Deadline): RuntimeFailure => ({
  code: 'timeout',
  message: `cannot wait for the project any longer: another command still has it after ${seconds} s`,
  notes: [],
});

type Hearing = {
  readonly opening: Opening;
  readonly progress: Progress;
  readonly onEvent: (event: Event) => void;
  /** The project is still ours. */
  readonly onDone: () => void;
};

async function applyPlans(
  runtime: Runtime,
  { project, plan, once, signal: interrupt, onFailure, deadline, onCreated, meanwhile }: Change,
  { opening, progress, onEvent, onDone }: Hearing,
): Promise<Converged | RuntimeFailure> {
  const signal = deadline === undefined ? interrupt : AbortSignal.any([interrupt, deadline.signal]);
  const opened = new AbortController();
  const enough = new AbortController();
  let done: Promise<boolean> | undefined;
  const session = await opening.session({
    onWait: (holder) => {
      onEvent({ kind: 'lock-wait', holder });
      done ??= meanwhile?.(onEvent, AbortSignal.any([signal, opened.signal]));
      void done?.then((all) => all && enough.abort());
    },
    warn: (message, container) => onEvent({ kind: 'warning', message, ...(container && { container }) }),
    signal: AbortSignal.any([signal, enough.signal]),
  });
  opened.abort();
  if (await done) {
    if (session.ok) await session.value.close();
    return { outcome: 'converged', rounds: [], remaining: { steps: [] }, observed: await runtime.observe(project) };
  }
  if (!session.ok) return session.error;
  try {
    let rounds = 0;
    return await converge(onCreated === undefined ? session.value : filling(session.value, onCreated), {
      signal,
      onEvent,
      now: Date.now,
      onFailure,
      plan: (observed, settled) => {
        const next = plan(observed, settled);
        return once && rounds > 0 ? { steps: [] } : next;
      },
      onPlan: (next, round) => {
        rounds = round;
        progress.plan(next);
      },
    });
  } finally {
    onDone();
    await session.value.close();
  }
}

/** A session whose containers get something when they are made. */
function filling(session: Session, onCreated: NonNullable<Change['onCreated']>): Session {
  return {
    observe: () => session.observe(),
    close: () => session.close(),
    perform: async (action, signal) => {
      const done = await session.perform(action, signal);
      if (done.ok && action.kind === 'create') await onCreated((action as ActionOf<'create'>).container);
      return done;
    },
  };
}

/** Says what could not be done and why; what was interrupted needs no explanation, unless time has run out. */
async function explain(
  context: Context,
  work: Change,
  { failed, converged }: { readonly failed: readonly Refused[]; readonly converged: Converged },
): Promise<void> {
  const late = isLate(work) ? work.deadline : undefined;
  let told = false;
  for (const refused of failed) {
    const real = late === undefined ? refused : tooLate(refused, late);
    if (real.failure.code === 'interrupted') continue;
    told = true;
    await sayFailedStep(context, real, work);
  }
  if (late !== undefined && !told && converged.outcome === 'interrupted') {
    sayError(context, {
      code: 'timeout',
      message: `cannot finish within ${late.seconds} s`,
      hint: `what is still to be done:\n${formatPlan(converged.remaining).trimEnd()}`,
    });
  }
  if (converged.outcome !== 'unsettled') return;
  sayError(context, {
    code: 'unsettled',
    message: 'cannot bring the project to rest: something else keeps changing it',
    hint: `what still differs:\n${formatPlan(converged.remaining).trimEnd()}`,
  });
}

function codeOf({ outcome }: Converged, failed: readonly Refused[], work: Change): number {
  switch (outcome) {
    case 'converged':
      return exitCode.ok;
    case 'interrupted':
      return isLate(work) ? exitCode.timeout : exitCode.interrupted;
    case 'unsettled':
      return exitCode.failed;
    case 'failed': {
      const first = failed.find(({ failure }) => failure.code !== 'interrupted') ?? failed[0];
      return first === undefined ? exitCode.failed : exitCodeOf(first.failure.code);
    }
  }
}
