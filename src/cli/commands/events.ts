import type { ObservedContainer } from '../../model/state.ts';
import { isLockHeld } from '../../runtime/linux/lock-held.ts';
import { eventsPath } from '../../runtime/linux/supervisor-lock.ts';
import { callAfter } from '../../runtime/timer.ts';
import { endLine } from '../../supervise/end-entry.ts';
import { openEventLog } from '../../supervise/event-log.ts';
import { followEvents } from '../../supervise/event-tail.ts';
import type { LogLine } from '../../supervise/log-entry.ts';
import { inOrder, startsIn, TellingOrder } from '../../supervise/telling-order.ts';
import { eventJson, eventRow, eventText } from '../event-row.ts';
import { exitCode } from '../exit-code.ts';
import { catchInterrupts } from '../interrupt.ts';
import { readMoment } from '../moment.ts';
import { printable } from '../render/width.ts';
import { lookAround } from '../situation.ts';
import type { Runner } from './runner.ts';

export const events: Runner<'events'> = async ({ flags, args, globals }, context) => {
  const since = readMoment(context, 'since', flags.since);
  if (!since.ok) return since.error;
  const until = readMoment(context, 'until', flags.until);
  if (!until.ok) return until.error;
  const situation = await lookAround(context, args);
  if (!situation.ok) return situation.error;
  const { name, runtime, observed } = situation.value;

  const serviceOf = new Map<string, string>(
    observed.containers.map((container) => [container.name, container.service]),
  );
  const fromMs = since.value ?? Number.POSITIVE_INFINITY;
  const untilMs = until.value ?? Number.POSITIVE_INFINITY;
  // An end is told by whoever sees it first: the monitor, the supervisor, or the next command.
  const ends = new Set<string>();
  const print = (line: LogLine): void => {
    const service = serviceOf.get(line.container) ?? serviceIn(line.container, name);
    const row = args.length === 0 || args.includes(service) ? eventRow(line) : undefined;
    if (row === undefined || line.atMs > untilMs) return;
    const text = globals.json ? JSON.stringify(eventJson(row, service)) : printable(eventText(row));
    context.stdout.write(`${text}\n`);
  };
  let isPast = true;
  const order = new TellingOrder({ tell: print, isComing: () => !isPast });
  const see = (line: LogLine): void => {
    const end = 'endedAtMs' in line ? `${line.container} ${line.endedAtMs}` : undefined;
    if (end !== undefined && ends.has(end)) return;
    if (end !== undefined) ends.add(end);
    order.see(line);
  };
  const path = eventsPath(name, context.environment);
  const interrupts = catchInterrupts(2);
  const end = new AbortController();
  if (untilMs !== Number.POSITIVE_INFINITY) callAfter(untilMs - Date.now(), () => end.abort());
  const signal = AbortSignal.any([interrupts.first, end.signal]);
  // The tail is open before the past is read, so that nothing falls between; what both have is told once.
  const held: LogLine[] = [];
  const startMs = Date.now();
  const following: Promise<void>[] = [];
  if (untilMs > startMs) {
    following.push(followEvents(path, { signal, onLine: (line) => (isPast ? held.push(line) : see(line)) }));
    const onChange = (container: ObservedContainer): void => {
      serviceOf.set(container.name, container.service);
      const line = endLine(container);
      if (line !== undefined && line.atMs >= startMs) see(line);
    };
    following.push(runtime.watch(name, { signal, onChange, onGone: () => {} }));
  }
  const log = openEventLog(path);
  const past = log.read();
  const unwritten = observed.containers.flatMap((container) => endLine(container) ?? []);
  const told = new Set(past.map((line) => JSON.stringify(line)));
  for (const line of inOrder([...past, ...unwritten].sort((a, b) => a.atMs - b.atMs))) {
    if (line.atMs >= fromMs) see(line);
    else order.know(line);
  }
  isPast = false;
  for (const line of held) if (!told.has(JSON.stringify(line))) see(line);
  const settling = setInterval(() => {
    // Whoever has started it tells that before anybody else gets the project, unless it was killed.
    if (order.isHolding && !isLockHeld(name, context.environment)) order.settle(startsIn(log.read()));
  }, settleMs);
  await Promise.all(following);
  clearInterval(settling);
  order.settle();
  return interrupts.first.aborted ? interrupts.exitCode() : exitCode.ok;
};

const settleMs = 100;

/** Of a container that is gone; the name of one with `container_name` tells nothing. */
function serviceIn(container: string, project: string): string {
  const isOurs = container.startsWith(`${project}-`) && /-\d+$/.test(container);
  return isOurs ? container.slice(project.length + 1).replace(/-\d+$/, '') : container;
}
