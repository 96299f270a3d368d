import type { ObservedState } from '../model/state.ts';
import type { ServiceName } from '../model/units.ts';
import { ok, type Result } from '../util/result.ts';
import type { Context } from './context.ts';
import { openRuntime } from './runtime.ts';
import { knownServices } from './services.ts';
import { findTarget, type Target } from './target.ts';

/** What a command finds that only looks: the project, what there is of it, and the services that were named. */
export type Situation = Target & {
  readonly runtime: ReturnType<typeof openRuntime>;
  readonly observed: ObservedState;
  /** None: all are meant. */
  readonly services: readonly ServiceName[];
};

/** The error is an exit code, and has been explained. */
export async function lookAround(context: Context, names: readonly string[]): Promise<Result<Situation, number>> {
  const target = await findTarget(context);
  if (!target.ok) return target;
  const runtime = openRuntime(context);
  const observed = await runtime.observe(target.value.name);
  const services = knownServices(context, names, { project: target.value.project, observed });
  return services.ok ? ok({ ...target.value, runtime, observed, services: services.value }) : services;
}
