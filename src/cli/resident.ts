import type { ObservedState } from '../model/state.ts';
import type { ContainerName, ProjectName } from '../model/units.ts';
import { lifeBegan } from '../runtime/linux/life-began.ts';
import { openStandby } from '../runtime/linux/standby.ts';
import { eventsPath, inheritedLock, startSupervisor } from '../runtime/linux/supervisor-lock.ts';
import { systemClock } from '../supervise/clock.ts';
import { openEventLog } from '../supervise/event-log.ts';
import { Supervisor } from '../supervise/supervisor.ts';
import { afterThrow } from './after-throw.ts';
import { exitCode } from './exit-code.ts';
import { openOutput } from './output.ts';
import { openRuntime, supervisorCommand } from './runtime.ts';

/**
 * What the shim runs when it has the lock of a project's supervisor, which is descriptor 3: `tscompose supervise PROJECT`.
 * A program beside `main.ts`, because it was woken to bring a container back: it loads nothing that is for people.
 */
export async function main(argv: readonly string[], { ran }: { readonly ran: (what: string) => void }): Promise<void> {
  process.on('uncaughtException', (error) => process.exit(afterThrow(error)));
  ran('supervise');
  let code: number;
  try {
    code = await supervise((argv[1] ?? '') as ProjectName);
  } catch (error) {
    code = afterThrow(error);
  }
  process.exit(code);
}

async function supervise(project: ProjectName): Promise<number> {
  const environment = process.env;
  const lock = inheritedLock(project, environment);
  // Taken down, and perhaps made anew, since we were started: then it is somebody else's.
  if (!lock?.isCurrent()) return exitCode.ok;
  const standby = openStandby();
  const runtime = openRuntime({ environment }, standby);
  const log = openEventLog(eventsPath(project, environment), { create: false });
  const warn = (message: string): void => openOutput(2).write(`${new Date().toISOString()} ${message}\n`);
  const lifeOf = (container: ContainerName): number | undefined => lifeBegan(project, container, environment);
  const supervisor = new Supervisor({
    project,
    runtime,
    log,
    clock: systemClock,
    lifeOf,
    warn,
    isOurs: lock.isCurrent,
  });
  await supervisor.run();
  await standby.close();
  const isOurs = lock.isCurrent();
  const cleared = isOurs ? await clearAway(project) : [];
  lock.release();
  // Until now a monitor with news found the lock taken, and left it at that.
  const observed = await runtime.observe(project);
  // What could not be cleared away is not tried again and again: the next command does that.
  const hasNews = !supervisor.knows(observed) || leftovers(observed).some((name) => !cleared.includes(name));
  if (isOurs && hasNews) {
    startSupervisor(project, supervisorCommand(environment), { host: environment, detached: true });
  }
  return exitCode.ok;
}

/** What `run -d --rm` has left: the containers that were to go when their command ends, and for which nobody waits. */
const leftovers = ({ oneOffs = [] }: ObservedState): readonly ContainerName[] =>
  oneOffs.flatMap(({ name, oneOff }) => (oneOff?.mode === 'detached' && oneOff.abandoned ? [name] : []));

async function clearAway(project: ProjectName): Promise<readonly ContainerName[]> {
  const runtime = openRuntime({ environment: process.env });
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
