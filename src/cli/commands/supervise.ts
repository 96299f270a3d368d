import { once } from 'node:events';
import type { ObservedState } from '../../model/state.ts';
import type { ContainerName, ProjectName } from '../../model/units.ts';
import { eventsPath, inheritedLock, startSupervisor } from '../../runtime/linux/supervisor-lock.ts';
import type { Context } from '../context.ts';
import { exitCode } from '../exit-code.ts';
import { openRuntime, supervisorCommand } from '../runtime.ts';
import type { Runner } from './runner.ts';

/** What `tsc-shim supervise` ends with when somebody else has the lock. */
const alreadySupervised = 75;

export const supervise: Runner<'supervise'> = async ({ args }, context) => {
  const { environment } = context;
  const project = (args[0] ?? '') as ProjectName;
  const command = supervisorCommand(environment);
  const lock = inheritedLock(project, environment);
  if (lock === undefined) {
    if ((await openRuntime(context).observe(project)).containers.length === 0) {
      context.stderr.write(`project ${project} has no containers\n`);
      return exitCode.ok;
    }
    const child = startSupervisor(project, command, { host: environment, detached: false });
    const [code] = (await once(child, 'close')) as [number | null];
    if (code === alreadySupervised) context.stderr.write(`project ${project} has a supervisor already\n`);
    return code === alreadySupervised ? exitCode.ok : (code ?? exitCode.failed);
  }

  // Taken down, and perhaps made anew, since we were started: then it is somebody else's.
  if (!lock.isCurrent()) return exitCode.ok;
  const { Supervisor } = await import('../../supervise/supervisor.ts');
  const { openEventLog } = await import('../../supervise/event-log.ts');
  const { systemClock } = await import('../../supervise/clock.ts');
  const { openStandby } = await import('../../runtime/linux/standby.ts');
  const standby = openStandby();
  const runtime = openRuntime(context, standby);
  const log = openEventLog(eventsPath(project, environment), { create: false });
  const warn = (message: string): void => void context.stderr.write(`${new Date().toISOString()} ${message}\n`);
  const supervisor = new Supervisor({ project, runtime, log, clock: systemClock, warn, isOurs: lock.isCurrent });
  await supervisor.run();
  await standby.close();
  const isOurs = lock.isCurrent();
  const cleared = isOurs ? await clearAway(context, project) : [];
  lock.release();
  // Until now a monitor with news found the lock taken, and left it at that.
  const observed = await runtime.observe(project);
  // What could not be cleared away is not tried again and again: the next command does that.
  const hasNews = !supervisor.knows(observed) || leftovers(observed).some((name) => !cleared.includes(name));
  if (isOurs && hasNews) {
    startSupervisor(project, command, { host: environment, detached: true });
  }
  return exitCode.ok;
};

/** What `run -d --rm` has left: the containers that were to go when their command ends, and for which nobody waits. */
const leftovers = ({ oneOffs = [] }: ObservedState): readonly ContainerName[] =>
  oneOffs.flatMap(({ name, oneOff }) => (oneOff?.mode === 'detached' && oneOff.abandoned ? [name] : []));

async function clearAway(context: Context, project: ProjectName): Promise<readonly ContainerName[]> {
  const runtime = openRuntime(context);
  const found = leftovers(await runtime.observe(project));
  if (found.length === 0) return found;
  // What a session looks at first is mended, and they are cleared away.
  const session = await runtime.open(project, {
    title: 'supervise',
    onWait: () => {},
    warn: () => {},
    signal: new AbortController().signal,
  });
  if (!session.ok) return found;
  await session.value.observe();
  await session.value.close();
  return found;
}
