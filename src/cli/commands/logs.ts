import type { ObservedContainer, ObservedState } from '../../model/state.ts';
import { Notes } from '../../runtime/linux/logs/notes.ts';
import { allOver } from '../all-over.ts';
import type { Context } from '../context.ts';
import { comesBack, Ends } from '../ends.ts';
import { exitCode } from '../exit-code.ts';
import { type LogRequest, printerFor, printLogs } from '../follow.ts';
import { catchInterrupts } from '../interrupt.ts';
import { readMoment } from '../moment.ts';
import { endText } from '../render/status.ts';
import { openRuntime } from '../runtime.ts';
import { sayError } from '../say.ts';
import { lookAround } from '../situation.ts';
import type { Runner } from './runner.ts';

export const logs: Runner<'logs'> = async ({ flags, args, globals }, context) => {
  const since = readMoment(context, 'since', flags.since);
  if (!since.ok) return since.error;
  const until = readMoment(context, 'until', flags.until);
  if (!until.ok) return until.error;
  const situation = await lookAround(context, args);
  if (!situation.ok) return situation.error;
  const { name, project, observed, services } = situation.value;

  const quiet = new Set(project?.services.filter(({ attach }) => !attach).map(({ name: service }) => service));
  const isWanted = ({ service, number }: Pick<ObservedContainer, 'service' | 'number'>) =>
    (args.length === 0 ? !quiet.has(service) : services.includes(service)) &&
    (flags.index === undefined || flags.index === number);
  const containers = observed.containers
    .filter(isWanted)
    .map((container) => container.name)
    .sort();
  const follow = flags.follow && observed.containers.some((container) => isWanted(container) && goesOn(container));
  if (containers.length === 0) {
    const of = args.length === 0 ? '' : ` of ${args.join(', ')}`;
    if (flags.index === undefined) {
      context.stderr.write(`project ${name} has no containers${of}\n`);
      return exitCode.ok;
    }
    const message = `project ${name} has no container${of} number ${flags.index}`;
    sayError(context, { code: 'not-running', message, hint: 'see which there are with: tscompose ps -a' });
    return exitCode.failed;
  }
  const interrupts = catchInterrupts(2);
  const request = {
    project: name,
    containers,
    timestamps: flags.timestamps,
    prefix: !flags['no-log-prefix'],
    json: globals.json,
    follow,
    joins: isWanted,
    signal: interrupts.first,
    ...(typeof flags.tail === 'number' && { tail: flags.tail }),
    ...(since.value !== undefined && { sinceMs: since.value }),
    ...(until.value !== undefined && { untilMs: until.value }),
  };
  if (follow) await followToTheEnd(context, request, observed);
  else await printLogs(context, request);
  if (!follow && !globals.json) sayOutOfMemory(context, observed.containers.filter(isWanted));
  return interrupts.first.aborted && !follow ? interrupts.exitCode() : exitCode.ok;
};

/** Who was killed for memory could not write it down: the reader of the log would look for a reason in vain. */
function sayOutOfMemory({ stderr, paintError }: Context, containers: readonly ObservedContainer[]): void {
  for (const { name, status } of containers) {
    if (status.kind !== 'exited' || !status.oomKilled) continue;
    stderr.write(`${paintError('dim', `${name} ${endText(status)}`)}\n`);
  }
}

type Following = LogRequest & { readonly joins: (container: ObservedContainer) => boolean };

/** Until everybody has ended who is shown, and nobody is at work who might start one again; or the user has had enough. */
async function followToTheEnd(context: Context, request: Following, observed: ObservedState): Promise<void> {
  const { project, joins, signal, prefix } = request;
  const printer = printerFor(context, request);
  const notes = new Notes();
  const ends = new Ends({
    sinceMs: Date.now(),
    onEnd: ({ name, status }, restarting) => {
      const text = `${endText(status)}${restarting ? ' (restarting)' : ''}`;
      if (prefix) notes.add(() => printer.note(name, text));
    },
  });
  for (const container of observed.containers) if (joins(container)) ends.see(container);
  const over = new AbortController();
  signal.addEventListener('abort', () => over.abort());
  const { followLeft } = await import('../follow-left.ts');
  const judging = followLeft(context, { project, ends, signal: over.signal });
  const watching = openRuntime(context).watch(project, {
    signal: over.signal,
    onChange: (container) => {
      if (joins(container)) ends.see(container);
    },
    onGone: (name) => ends.gone(name),
  });
  const printing = printLogs(context, { ...request, notes, signal: over.signal }, printer);
  // Whoever reads our output may be gone before the containers are.
  await Promise.race([
    printing,
    allOver(context, { project, joins, ends, signal: over.signal, patienceMs: lastWordsMs }),
  ]);
  over.abort();
  await Promise.all([printing, watching, judging]);
}

/** The last words of whoever has ended are on their way to the log. */
const lastWordsMs = 100;

const goesOn = (container: ObservedContainer): boolean =>
  container.status.kind === 'running' || container.status.kind === 'paused' || comesBack(container);
