import { type Converged, converge } from '../apply/converge.ts';
import type { Event, RuntimeFailure } from '../model/event.ts';
import type { Plan, Step } from '../model/plan.ts';
import type { DesiredState, ObservedState } from '../model/state.ts';
import type { ContainerName, ProjectName } from '../model/units.ts';
import { formatPlan } from '../plan/format.ts';
import { hasTraces, isLockHeld } from '../runtime/linux/lock-held.ts';
import { openLogs } from '../runtime/linux/logs.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Context } from './context.ts';
import { exitCode, exitCodeOf } from './exit-code.ts';
import { type FailedStep, failureOrigin, renderFailure } from './render/failure.ts';
import { spotOf } from './render/frame.ts';
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
  readonly onFailure?: 'cancel' | 'continue';
  /** false: no redrawing, because others write to the terminal meanwhile. */
  readonly live?: false;
  /** Aborted: nothing further is begun. */
  readonly signal: AbortSignal;
};

export type Changed = {
  /** 0 when the machine is what it should be now. */
  readonly exitCode: number;
  /** false: there was nothing to do, and nothing was touched. */
  readonly worked: boolean;
  readonly observed: ObservedState;
};

/** Looks first, without a lock; takes the lock only when there is something to do. */
export async function change(context: Context, runtime: Runtime, work: Change): Promise<Changed> {
  const observed = await runtime.observe(work.project);
  const intact = observed.containers.every((container) => container.monitored || container.status.kind !== 'running');
  const first = work.plan(observed, new Set());
  // A command that was killed may have left the beginnings of a container: taking the lock cleans them up.
  const abandoned = observed.containers.length === 0 && hasTraces(work.project, context.environment);
  const calm = intact && !abandoned && !isLockHeld(work.project, context.environment);
  if (calm && first.steps.length === 0) return { exitCode: exitCode.ok, worked: false, observed };
  context.ran(`${work.title}+work`);
  const { checkMachine } = await import('./preflight.ts');
  const refused = await checkMachine(context, first);
  if (refused !== undefined) return { exitCode: refused, worked: true, observed };
  const progress = await openProgress(context, { title: work.title, live: work.live !== false });
  // Whatever ends the process, the terminal is given back.
  process.once('exit', progress.close);
  const failed: { readonly step: Step; readonly failure: RuntimeFailure }[] = [];
  const onEvent = (event: Event) => {
    if (event.kind === 'step-failed') failed.push(event);
    progress.event(event);
  };
  try {
    const converged = await carryOut(runtime, work, { progress, onEvent });
    progress.close();
    if ('code' in converged) {
      sayFailure(context, converged);
      return { exitCode: exitCodeOf(converged.code), worked: true, observed };
    }
    await explain(context, work, { failed, converged });
    return { exitCode: codeOf(converged, failed), worked: true, observed: converged.observed };
  } finally {
    progress.close();
    process.off('exit', progress.close);
  }
}

type Hearing = { readonly progress: Progress; readonly onEvent: (event: Event) => void };

async function carryOut(
  runtime: Runtime,
  { project, plan, once, signal, onFailure }: Change,
  { progress, onEvent }: Hearing,
): Promise<Converged | RuntimeFailure> {
  const session = await runtime.open(project, {
    onWait: (holder) => onEvent({ kind: 'lock-wait', holder }),
    warn: (message, container) => onEvent({ kind: 'warning', message, ...(container && { container }) }),
    signal,
  });
  if (!session.ok) return session.error;
  try {
    let rounds = 0;
    return await converge(session.value, {
      signal,
      onEvent,
      now: Date.now,
      onFailure,
      plan: (observed, settled) => (once && rounds > 0 ? { steps: [] } : plan(observed, settled)),
      onPlan: (next, round) => {
        rounds = round;
        progress.plan(next);
      },
    });
  } finally {
    await session.value.close();
  }
}

/** Says what could not be done and why; what was interrupted needs no explanation. */
async function explain(
  context: Context,
  { project, desired }: Change,
  outcome: {
    readonly failed: readonly { readonly step: Step; readonly failure: RuntimeFailure }[];
    readonly converged: Converged;
  },
): Promise<void> {
  const { stderr, paintError, globals } = context;
  const real = outcome.failed.filter(({ failure }) => failure.code !== 'interrupted');
  for (const { step, failure } of real) {
    const name = containerOf(step);
    const container = desired?.containers.find((candidate) => candidate.name === name);
    const lastLines = name === undefined ? [] : await lastLinesOf(project, name, context);
    const block: FailedStep = { step, failure, lastLines, ...(container && { desired: container }) };
    if (globals.json || globals.progress === 'json') stderr.write(`${JSON.stringify(failureJson(block))}\n`);
    else stderr.write(`\n${renderFailure(block, { paint: paintError, width: stderr.columns() })}`);
  }
  if (outcome.converged.outcome !== 'unsettled') return;
  sayError(context, {
    code: 'unsettled',
    message: 'cannot bring the project to rest: something else keeps changing it',
    hint: `what still differs:\n${formatPlan(outcome.converged.remaining).trimEnd()}`,
  });
}

function containerOf({ action }: Step): ContainerName | undefined {
  if (!('container' in action)) return undefined;
  return typeof action.container === 'string' ? action.container : action.container.name;
}

const linesShown = 10;

/** The last lines a container has written; none when there is no log. */
async function lastLinesOf(project: ProjectName, name: ContainerName, { environment }: Context): Promise<string[]> {
  const signal = AbortSignal.timeout(1000);
  const parts: Buffer[] = [];
  try {
    for await (const chunk of openLogs(project, [name], {
      tail: linesShown,
      follow: false,
      signal,
      host: environment,
    })) {
      parts.push(chunk.bytes);
    }
  } catch {
    return [];
  }
  const text = Buffer.concat(parts).toString().trimEnd();
  return text === '' ? [] : text.split('\n').slice(-linesShown);
}

function failureJson(failed: FailedStep): object {
  const { step, failure } = failed;
  const origin = failureOrigin(failed);
  const spot = origin && spotOf(origin);
  return {
    severity: 'error',
    code: failure.code,
    message: failure.message,
    step: step.id,
    ...(spot === undefined ? {} : { file: spot.file, line: spot.line, column: spot.column }),
    ...(failure.notes[0] === undefined ? {} : { hint: failure.notes[0] }),
  };
}

/** A refusal that is about no step: the lock, the rights, the kernel. */
export function sayFailure(context: Context, { code, message, notes }: RuntimeFailure): void {
  sayError(context, { code, message, ...(notes.length === 0 ? {} : { hint: notes.join('\n') }) });
}

function codeOf({ outcome }: Converged, failed: readonly { readonly failure: RuntimeFailure }[]): number {
  switch (outcome) {
    case 'converged':
      return exitCode.ok;
    case 'interrupted':
      return exitCode.interrupted;
    case 'unsettled':
      return exitCode.failed;
    case 'failed': {
      const first = failed.find(({ failure }) => failure.code !== 'interrupted') ?? failed[0];
      return first === undefined ? exitCode.failed : exitCodeOf(first.failure.code);
    }
  }
}
