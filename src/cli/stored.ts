import type { RuntimeFailure } from '../model/event.ts';
import type { Plan } from '../model/plan.ts';
import type { ObservedState } from '../model/state.ts';
import type { Millis, ServiceName } from '../model/units.ts';
import { desiredState } from '../project/desired.ts';
import type { Runtime, Urgent } from '../runtime/runtime.ts';
import { type Change, change } from './change.ts';
import type { Context } from './context.ts';
import { exitCode, exitCodeOf } from './exit-code.ts';
import { catchInterrupts } from './interrupt.ts';
import { openRuntime } from './runtime.ts';
import { sayIdle } from './say.ts';
import { knownServices } from './services.ts';
import { findTarget, type Target } from './target.ts';

/** A change of what exists already: worked out from the machine, with or without a stack file. */
export type StoredChange = {
  readonly title: string;
  /** Services, as named on the command line; none: all. */
  readonly names: readonly string[];
  readonly plan: (observed: ObservedState, services: readonly ServiceName[], target: Target) => Plan;
  /** What keeps it from being begun at all, said before anything is touched. */
  readonly refuse?: (observed: ObservedState, services: readonly ServiceName[]) => readonly RuntimeFailure[];
  /** The plan is never empty by itself (a restart): it is carried out and not worked out again. */
  readonly once?: true;
  /** What is said when there was nothing to do. */
  readonly idle: (target: Target) => string;
  /** The exit code then; 0 when absent. */
  readonly idleCode?: number;
  /** What need not wait until nobody else has the project (`Change.meanwhile`). */
  readonly urgent?: (wanted: Wanted) => Change['meanwhile'];
  /** Asked before anything else is done; false: nothing is. */
  readonly confirm?: (observed: ObservedState, services: readonly ServiceName[]) => Promise<boolean>;
  /** Done first, when the command line makes sense. */
  readonly before?: (target: Target) => Promise<void>;
  /** Done when all went well; its exit code is that of the command. */
  readonly after?: (done: Done) => Promise<number>;
};

export type Wanted = {
  readonly runtime: Runtime & Urgent;
  readonly target: Target;
  readonly services: readonly ServiceName[];
};

export type Done = Wanted & {
  readonly observed: ObservedState;
  readonly signal: AbortSignal;
};

/** A stop that somebody else waits for takes no longer than one that is asked for now. */
export const hasten =
  (timeout: number | undefined): NonNullable<StoredChange['urgent']> =>
  ({ runtime, target, services }) =>
  async (_, signal) => {
    await runtime.hasten(target.name, { services, ...graceOf(timeout) }, signal);
    return false;
  };

/** Carries it out, best effort: what cannot be done keeps nothing else from being done. */
export async function changeStored(
  context: Context,
  { title, names, plan, refuse, confirm, once, idle, idleCode = exitCode.ok, urgent, before, after }: StoredChange,
): Promise<number> {
  const target = await findTarget(context);
  if (!target.ok) return target.error;
  const { name, project } = target.value;
  const runtime = openRuntime(context);
  const observed = await runtime.observe(name);
  const services = knownServices(context, names, { project, observed });
  if (!services.ok) return services.error;
  const refusals = refuse?.(observed, services.value) ?? [];
  if (refusals[0] !== undefined) {
    const { sayFailure } = await import('./explain.ts');
    for (const refusal of refusals) sayFailure(context, refusal);
    return exitCodeOf(refusals[0].code);
  }
  if (confirm !== undefined && !(await confirm(observed, services.value))) return exitCode.ok;

  const interrupts = catchInterrupts(2);
  await before?.(target.value);
  const changed = await change(context, runtime, {
    title,
    project: name,
    plan: (observed) => plan(observed, services.value, target.value),
    onFailure: 'continue',
    ...(once && { once }),
    meanwhile: urgent?.({ runtime, target: target.value, services: services.value }),
    signal: interrupts.first,
    ...(project && { desired: desiredState(project) }),
  });
  if (!changed.worked) sayIdle(context, idle(target.value));
  let code = changed.worked ? changed.exitCode : idleCode;
  if (code === exitCode.ok && after !== undefined) {
    const done = {
      runtime,
      target: target.value,
      observed: changed.observed,
      services: services.value,
      signal: interrupts.first,
    };
    code = await after(done);
  }
  return code === exitCode.interrupted ? interrupts.exitCode() : code;
}

/** What a command line that names services is about: others may well run. */
export const ofServices = (names: readonly string[]): string => (names.length === 0 ? '' : ` of ${names.join(', ')}`);

/** `--timeout`, when it was given. */
export const graceOf = (timeout: number | undefined): { readonly graceMs?: Millis } =>
  timeout === undefined ? {} : { graceMs: (timeout * 1000) as Millis };
