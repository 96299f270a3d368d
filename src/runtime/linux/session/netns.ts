import type { RuntimeFailure } from '../../../model/event.ts';
import type { ContainerConfig } from '../../../model/project.ts';
import type { ContainerName, ProjectName } from '../../../model/units.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import { monitorLives } from '../lives.ts';
import { containerPaths, type ProjectPaths, projectPaths } from '../paths.ts';
import { type ContainerRecord, entries, readRecord, readState } from '../state-dir.ts';
import type { SessionContext } from './context.ts';

/** A container whose network another one shares. */
type NetworkOwner = { readonly at: ProjectPaths; readonly name: ContainerName };

/**
 * The container whose network another one shares (`network_mode: service:x`, `container:x`): one of this project, or, by
 * the name of a container, of another one on this machine.
 */
export function networkOwner(context: SessionContext, { networkMode }: ContainerConfig): NetworkOwner | undefined {
  if (networkMode.kind === 'service') {
    const { service } = networkMode;
    return findIn(context.at, (record) => record.service === service);
  }
  if (networkMode.kind !== 'container') return undefined;
  const named = ({ name }: ContainerRecord): boolean => name === networkMode.container;
  const own = findIn(context.at, named);
  if (own !== undefined) return own;
  for (const project of (entries(`${context.paths.lib}/projects`) as ProjectName[]).sort()) {
    const found = findIn(projectPaths(context.paths, project), named);
    if (found !== undefined) return found;
  }
  return undefined;
}

function findIn(at: ProjectPaths, wanted: (record: ContainerRecord) => boolean): NetworkOwner | undefined {
  for (const name of (entries(at.containers) as ContainerName[]).sort()) {
    const record = readRecord(containerPaths(at, name).record);
    if (record !== undefined && wanted(record)) return { at, name };
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
  const state = owner === undefined ? undefined : readState(containerPaths(owner.at, owner.name).stateRecord);
  if (monitorLives(state)) return ok(`/proc/${state.monitorPid}/ns/net`);
  const wanted = networkMode.kind === 'service' ? networkMode.service : networkMode.container;
  return err({
    code: 'dependency-failed',
    message: `cannot share the network of ${wanted}: it is not there`,
    configPath: 'networkMode',
    notes: ['create it first; depends_on does that'],
  });
}
