import type { RuntimeFailure } from '../../../model/event.ts';
import type { ContainerConfig } from '../../../model/project.ts';
import type { ContainerName } from '../../../model/units.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import { monitorLives } from '../lives.ts';
import { containerPaths } from '../paths.ts';
import { entries, readRecord, readState } from '../state-dir.ts';
import type { SessionContext } from './context.ts';

/** The container whose network another one shares (`network_mode: service:x`, `container:x`), if it is of this project. */
export function networkOwner(context: SessionContext, { networkMode }: ContainerConfig): ContainerName | undefined {
  if (networkMode.kind !== 'service' && networkMode.kind !== 'container') return undefined;
  const wanted = networkMode.kind === 'service' ? networkMode.service : networkMode.container;
  for (const name of (entries(context.at.containers) as ContainerName[]).sort()) {
    const record = readRecord(containerPaths(context.at, name).record);
    if ((networkMode.kind === 'service' ? record?.service : record?.name) === wanted) return name;
  }
  return undefined;
}

/** The network namespace of another container; undefined when it gets one of its own. */
export function netnsToJoin(
  context: SessionContext,
  config: ContainerConfig,
): Result<string | undefined, RuntimeFailure> {
  const { networkMode } = config;
  if (networkMode.kind !== 'service' && networkMode.kind !== 'container') return ok(undefined);
  const owner = networkOwner(context, config);
  // Its monitor holds the namespace, whether its process runs or not.
  const state = owner === undefined ? undefined : readState(containerPaths(context.at, owner).stateRecord);
  if (monitorLives(state)) return ok(`/proc/${state.monitorPid}/ns/net`);
  const wanted = networkMode.kind === 'service' ? networkMode.service : networkMode.container;
  return err({
    code: 'dependency-failed',
    message: `cannot share the network of ${wanted}: it is not there`,
    configPath: 'networkMode',
    notes: ['create it first; depends_on does that'],
  });
}
