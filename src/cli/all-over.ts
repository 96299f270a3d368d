import { setTimeout as sleep } from 'node:timers/promises';
import type { ObservedContainer } from '../model/state.ts';
import type { ContainerName, ProjectName } from '../model/units.ts';
import { isLockHeld } from '../runtime/linux/lock-held.ts';
import type { Context } from './context.ts';
import type { Ends } from './ends.ts';
import { openRuntime } from './runtime.ts';

type Waiting = {
  readonly project: ProjectName;
  readonly ends: Ends;
  /** Those that count: of them, and of any that come later. */
  readonly joins: (container: ObservedContainer) => boolean;
  /** Who has to have ended; absent: everybody. */
  readonly names?: ReadonlySet<ContainerName> | undefined;
  /** How long nobody may have lived before it is believed. */
  readonly patienceMs: number;
  readonly signal: AbortSignal;
};

const lookAgainMs = 100;

/** Until everybody has ended, and nobody is at work who might start one again: a restart, or what makes one anew. */
export async function allOver(context: Context, { project, ends, joins, signal, ...wait }: Waiting): Promise<void> {
  const isChanging = (): boolean => isLockHeld(project, context.environment);
  do {
    await ends.all(wait.names);
    if (wait.patienceMs > 0) await sleep(wait.patienceMs);
    while (isChanging() && !signal.aborted) await sleep(lookAgainMs);
    // Reports of what has been made may still be on their way.
    const { containers } = await openRuntime(context).observe(project);
    for (const container of containers) if (joins(container)) ends.see(container);
  } while (ends.isLeft(wait.names) && !signal.aborted);
}
