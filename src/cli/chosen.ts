import type { Project } from '../model/project.ts';
import type { ObservedContainer } from '../model/state.ts';
import type { ProjectName, ServiceName } from '../model/units.ts';
import type { Result } from '../util/result.ts';
import { ok } from '../util/result.ts';
import type { Context } from './context.ts';
import { openRuntime } from './runtime.ts';
import { knownServices } from './services.ts';
import { findTarget } from './target.ts';

export type ChosenContainers = {
  readonly project: ProjectName;
  readonly file?: Project;
  /** As named; none: all. */
  readonly services: readonly ServiceName[];
  /** By name. */
  readonly containers: readonly ObservedContainer[];
};

/** The containers of the services that were named, or all; the error is an exit code. */
export async function chosenContainers(
  context: Context,
  names: readonly string[],
): Promise<Result<ChosenContainers, number>> {
  const target = await findTarget(context);
  if (!target.ok) return target;
  const { name, project } = target.value;
  const observed = await openRuntime(context).observe(name);
  const services = knownServices(context, names, { project, observed });
  if (!services.ok) return services;
  const containers = observed.containers
    .filter(({ service }) => names.length === 0 || services.value.includes(service))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return ok({ project: name, services: services.value, containers, ...(project && { file: project }) });
}

export const isUp = ({ status }: ObservedContainer): boolean => status.kind === 'running' || status.kind === 'paused';
