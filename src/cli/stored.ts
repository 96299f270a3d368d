import type { Plan } from '../model/plan.ts';
import type { ObservedState } from '../model/state.ts';
import type { Millis, ServiceName } from '../model/units.ts';
import { desiredState } from '../project/desired.ts';
import { change } from './change.ts';
import type { Context } from './context.ts';
import { exitCode } from './exit-code.ts';
import { catchInterrupts } from './interrupt.ts';
import { openRuntime } from './runtime.ts';
import { knownServices } from './services.ts';
import { findTarget, type Target } from './target.ts';

/** A change of what exists already: worked out from the machine, with or without a stack file. */
export type StoredChange = {
  readonly title: string;
  /** Services, as named on the command line; none: all. */
  readonly names: readonly string[];
  readonly plan: (observed: ObservedState, services: readonly ServiceName[], target: Target) => Plan;
  /** The plan is never empty by itself (a restart): it is carried out and not worked out again. */
  readonly once?: true;
  /** What is said when there was nothing to do. */
  readonly idle: (target: Target) => string;
};

/** Carries it out, best effort: what cannot be done keeps nothing else from being done. */
export async function changeStored(
  context: Context,
  { title, names, plan, once, idle }: StoredChange,
): Promise<number> {
  const target = await findTarget(context);
  if (!target.ok) return target.error;
  const { name, project } = target.value;
  const runtime = openRuntime(context);
  const services = knownServices(context, names, { project, observed: await runtime.observe(name) });
  if (!services.ok) return services.error;

  const interrupts = catchInterrupts(2);
  const changed = await change(context, runtime, {
    title,
    project: name,
    plan: (observed) => plan(observed, services.value, target.value),
    onFailure: 'continue',
    ...(once && { once }),
    signal: interrupts.first,
    ...(project && { desired: desiredState(project) }),
  });
  if (!changed.worked && !context.globals.json) context.stderr.write(`${idle(target.value)}\n`);
  return changed.exitCode === exitCode.interrupted ? interrupts.exitCode() : changed.exitCode;
}

/** `--timeout`, when it was given. */
export const graceOf = (timeout: number | undefined): { readonly graceMs?: Millis } =>
  timeout === undefined ? {} : { graceMs: (timeout * 1000) as Millis };
