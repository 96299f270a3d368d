import type { RuntimeFailure } from '../model/event.ts';
import type { Step } from '../model/plan.ts';
import type { DesiredState } from '../model/state.ts';
import type { ContainerName, ProjectName } from '../model/units.ts';
import { healthOf } from '../runtime/linux/health.ts';
import { openLogs } from '../runtime/linux/logs.ts';
import { LastBytes } from '../util/last-bytes.ts';
import type { Context } from './context.ts';
import { remedyOf } from './remedy.ts';
import { type FailedStep, failureOrigin, renderFailure } from './render/failure.ts';
import { spotOf } from './render/frame.ts';
import { openRuntime } from './runtime.ts';
import { isForPrograms, sayError } from './say.ts';

/** Says what could not be done and why, with what its container last said and, if it is checked, what the check said. */
export async function sayFailedStep(
  context: Context,
  { step, failure }: { readonly step: Step; readonly failure: RuntimeFailure },
  { project, desired }: { readonly project: ProjectName; readonly desired?: DesiredState | undefined },
): Promise<void> {
  const { stderr, paintError } = context;
  const name = containerOf(step);
  const lastLines = name === undefined ? [] : await lastLinesOf(context, project, name);
  const isAboutHealth = step.action.kind === 'wait' || step.action.kind === 'prove';
  const waitedFor = name !== undefined && isAboutHealth ? await observed(context, project, name) : undefined;
  const lastProbe = waitedFor && healthOf(project, waitedFor, context.environment)?.results.at(-1);
  // What is updated start-first has a name that the file does not give.
  const container =
    desired?.containers.find((candidate) => candidate.name === name) ??
    desired?.containers.find((candidate) => candidate.service === waitedFor?.service);
  const known: FailedStep = {
    step,
    failure,
    lastLines,
    ...(container && { desired: container }),
    ...(lastProbe && { lastProbe }),
  };
  const remedy = remedyOf(known);
  const block = remedy === undefined ? known : { ...known, failure: { ...failure, notes: [remedy] } };
  if (isForPrograms(context)) stderr.write(`${JSON.stringify(failureJson(block))}\n`);
  else stderr.write(`\n${renderFailure(block, { paint: paintError, width: stderr.columns() })}`);
}

export function containerOf({ action }: Step): ContainerName | undefined {
  if (!('container' in action)) return undefined;
  return typeof action.container === 'string' ? action.container : action.container.name;
}

const linesShown = 10;
/** One line may be all that a container has ever written. */
const bytesShown = 8 * 1024;

/** The last lines a container has written; none when there is no log. */
export async function lastLinesOf(
  { environment }: Context,
  project: ProjectName,
  name: ContainerName,
): Promise<readonly string[]> {
  const signal = AbortSignal.timeout(1000);
  const last = new LastBytes(bytesShown);
  try {
    for await (const chunk of openLogs(project, [name], {
      tail: linesShown,
      follow: false,
      signal,
      host: environment,
    })) {
      last.add(chunk.bytes);
    }
  } catch {
    return [];
  }
  const text = last.value().toString().trimEnd();
  return text === '' ? [] : text.split('\n').slice(-linesShown);
}

async function observed(context: Context, project: ProjectName, name: ContainerName) {
  const { containers } = await openRuntime(context).observe(project);
  return containers.find((candidate) => candidate.name === name);
}

function failureJson(failed: FailedStep): object {
  const { step, failure, lastProbe, lastLines = [] } = failed;
  const origin = failureOrigin(failed);
  const spot = origin && spotOf(origin);
  return {
    severity: 'error',
    code: failure.code,
    message: failure.message,
    step: step.id,
    ...(spot === undefined ? {} : { file: spot.file, line: spot.line, column: spot.column }),
    ...(failure.notes[0] === undefined ? {} : { hint: failure.notes[0] }),
    ...(lastProbe && { lastProbe }),
    ...(lastLines.length > 0 && { lastLines }),
  };
}

/** A refusal that is about no step: the lock, the rights, the kernel. */
export function sayFailure(context: Context, { code, message, notes }: RuntimeFailure): void {
  sayError(context, { code, message, ...(notes.length === 0 ? {} : { hint: notes.join('\n') }) });
}
