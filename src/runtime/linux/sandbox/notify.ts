import type { ContainerConfig } from '../../../model/project.ts';
import type { SetupOp } from '../frame.ts';
import type { ContainerPaths } from '../paths.ts';
import { bindFlag } from '../protocol.ts';
import { ms } from './flags.ts';
import { op } from './op.ts';

/** In the container: the directory is mounted, so that the socket in it can be made anew. */
const directory = '/run/tscompose';

/** Whether the container has something to say to us as in sd_notify(3). */
const listens = ({ probes }: ContainerConfig): boolean =>
  probes?.readiness?.check.kind === 'notify' || probes?.liveness?.check.kind === 'notify';

export const notifyOps = (config: ContainerConfig): SetupOp[] => (listens(config) ? [op('NOTIFY')] : []);

/** After the mounts of the user's, who may have a tmpfs on /run. A socket can be written to on a read-only mount too. */
export function notifyMounts(config: ContainerConfig, { state }: ContainerPaths): SetupOp[] {
  if (!listens(config)) return [];
  const flags = bindFlag.READONLY | bindFlag.NOSUID | bindFlag.NODEV | bindFlag.NOEXEC;
  return [op('BIND', { numbers: [flags, ms.PRIVATE], strings: [`${state}/notify`, directory] })];
}

/** What sd_notify(3) and sd_watchdog_enabled(3) look for. */
export function notifyEnvironment(config: ContainerConfig): { readonly [name: string]: string } {
  if (!listens(config)) return {};
  const { liveness } = config.probes ?? {};
  return {
    NOTIFY_SOCKET: `${directory}/socket`,
    ...(liveness?.check.kind === 'notify' ? { WATCHDOG_USEC: `${Math.round(liveness.intervalMs * 1000)}` } : {}),
  };
}
