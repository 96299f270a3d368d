import type { ExitedStatus, ObservedContainer, ObservedOneOff } from '../../model/state.ts';
import type { ContainerName, ProjectName } from '../../model/units.ts';
import { jsonIfThere } from './absent.ts';
import type { HostEnvironment } from './options.ts';
import { type ContainerPaths, containerPaths, hostPaths, projectPaths } from './paths.ts';
import { bootId, isAlive } from './proc.ts';
import { type OneOffRecord, writeFileAtomic } from './state-dir.ts';

type Ended = Pick<ExitedStatus, 'exitCode' | 'startedAtMs' | 'finishedAtMs'>;

/**
 * Leaves word of how the command ended that was brought into a one-off: its init never knew it. Needs no lock: nobody else
 * writes there.
 */
export function recordOneOffEnd(
  project: ProjectName,
  container: ContainerName,
  { ended, host }: { readonly ended: Ended; readonly host: HostEnvironment },
): void {
  const { ended: path } = containerPaths(projectPaths(hostPaths(host), project), container);
  try {
    writeFileAtomic(path, JSON.stringify(ended), { mode: 0o600 });
  } catch (error) {
    // Somebody has taken the project down meanwhile: then nobody will ask.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** What `observe` has seen of a one-off, completed with what only its record and its owner tell. */
export function observeOneOff(
  seen: ObservedContainer,
  { mode, remove, owner }: OneOffRecord,
  where: ContainerPaths,
): ObservedContainer {
  const ended = mode === 'attached' ? jsonIfThere<Ended>(where.ended) : undefined;
  const status = ended === undefined ? seen.status : ({ kind: 'exited', oomKilled: false, ...ended } as const);
  const alive = seen.status.kind === 'running' || seen.status.kind === 'paused';
  const attended = mode === 'attached' && owner.bootId === bootId() && isAlive(owner.pid, BigInt(owner.start));
  // An attached one without its owner is either idle or talks to nobody; a detached one goes when it is over.
  const abandoned = mode === 'attached' ? !attended && (alive || remove) : remove && !alive && isOver(seen);
  const oneOff: ObservedOneOff = { mode, remove, abandoned };
  return { ...seen, status: alive && attended ? seen.status : status, oneOff };
}

const isOver = ({ status }: ObservedContainer): boolean => status.kind === 'exited' || status.kind === 'failed';
