import type { ProjectName } from '../model/units.ts';
import { eventsPath } from '../runtime/linux/supervisor-lock.ts';
import { followEvents } from '../supervise/event-tail.ts';
import type { Context } from './context.ts';
import type { Ends } from './ends.ts';

type Following = { readonly project: ProjectName; readonly ends: Ends; readonly signal: AbortSignal };

/** Hears what its supervisor leaves as it is. Begun before containers are looked at, so that nothing is missed between. */
export const followLeft = ({ environment }: Context, { project, ends, signal }: Following): Promise<void> =>
  followEvents(eventsPath(project, environment), {
    signal,
    onLine: ({ kind, container }) => {
      if (kind === 'left') ends.over(container);
    },
  });
