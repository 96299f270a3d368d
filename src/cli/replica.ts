import type { ObservedContainer } from '../model/state.ts';
import type { ProjectName } from '../model/units.ts';
import { observeReplicas } from '../runtime/linux/observe.ts';
import { hostPaths } from '../runtime/linux/paths.ts';
import type { Result } from '../util/result.ts';
import { err, ok } from '../util/result.ts';
import type { Context } from './context.ts';
import { exitCode } from './exit-code.ts';
import { openRuntime } from './runtime.ts';
import { sayError } from './say.ts';
import { knownServices } from './services.ts';
import { findTarget } from './target.ts';

export type Replica = { readonly project: ProjectName; readonly container: ObservedContainer };

type Wanted = {
  readonly service: string;
  /** Absent: the first that runs. */
  readonly index: number | undefined;
  /** Its processes are needed, or only its files. */
  readonly running: boolean;
};

/** The container that a command means by a service and `--index`; the error is an exit code, and has been explained. */
export async function findReplica(
  context: Context,
  { service, index, running }: Wanted,
): Promise<Result<Replica, number>> {
  const target = await findTarget(context);
  if (!target.ok) return target;
  const { name, project } = target.value;
  const usual = pick(observeReplicas(hostPaths(context.environment), name, service), index);
  if (usual !== undefined && (!running || isUp(usual))) return ok({ project: name, container: usual });
  const observed = await openRuntime(context).observe(name);
  const services = knownServices(context, [service], { project, observed });
  if (!services.ok) return services;

  const replicas = observed.containers.filter((container) => container.service === service);
  const container = pick(replicas, index);
  if (container !== undefined && (!running || isUp(container))) return ok({ project: name, container });
  const which = index === undefined ? service : `${service} number ${index}`;
  const message = container === undefined ? `${which} has no container` : `${container.name} ${stateOf(container)}`;
  const hint =
    container?.status.kind === 'paused'
      ? `let it go on with: tscompose unpause ${service}`
      : `start it with: tscompose up -d ${service}`;
  sayError(context, { code: 'not-running', message, hint });
  return err(exitCode.failed);
}

const isUp = ({ status }: ObservedContainer) => status.kind === 'running';
const stateOf = ({ status }: ObservedContainer) => (status.kind === 'paused' ? 'is paused' : 'is not running');

function pick(replicas: readonly ObservedContainer[], number: number | undefined): ObservedContainer | undefined {
  if (number !== undefined) return replicas.find((container) => container.number === number);
  const sorted = [...replicas].sort((a, b) => a.number - b.number);
  return sorted.find(isUp) ?? sorted[0];
}
