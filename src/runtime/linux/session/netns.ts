import type { RuntimeFailure } from '../../../model/event.ts';
import type { ContainerConfig } from '../../../model/project.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import { containerPaths } from '../paths.ts';
import { entries, readRecord, readState } from '../state-dir.ts';
import { initLives, type SessionContext } from './context.ts';

/** The network namespace of another container, for `network_mode: service:x`; undefined when it gets one of its own. */
export function netnsToJoin(
  context: SessionContext,
  { networkMode }: ContainerConfig,
): Result<string | undefined, RuntimeFailure> {
  if (networkMode.kind !== 'service' && networkMode.kind !== 'container') return ok(undefined);
  const wanted = networkMode.kind === 'service' ? networkMode.service : networkMode.container;
  for (const name of entries(context.at.containers).sort()) {
    const where = containerPaths(context.at, name as Parameters<typeof containerPaths>[1]);
    const record = readRecord(where.record);
    if (record === undefined || (networkMode.kind === 'service' ? record.service : record.name) !== wanted) continue;
    const state = readState(where.state);
    if (initLives(state)) return ok(`/proc/${state.initPid}/ns/net`);
  }
  return err({
    code: 'dependency-failed',
    message: `cannot share the network of ${wanted}: it is not running`,
    configPath: 'networkMode',
    notes: ['start it first; depends_on does that'],
  });
}
