import { setTimeout as sleep } from 'node:timers/promises';
import type { Cause } from '../model/plan.ts';
import type { ObservedContainer, ObservedState } from '../model/state.ts';
import type { ContainerName, Millis, ProjectName, ServiceName } from '../model/units.ts';
import { planStop } from '../plan/stop.ts';
import { Notes } from '../runtime/linux/logs/notes.ts';
import type { Runtime, Watching } from '../runtime/runtime.ts';
import { allOver } from './all-over.ts';
import { change } from './change.ts';
import type { Context } from './context.ts';
import { Ends } from './ends.ts';
import { exitCode } from './exit-code.ts';
import { printerFor, printLogs } from './follow.ts';
import { followLeft } from './follow-left.ts';
import type { Interrupts } from './interrupt.ts';
import { type Keys, listenForKeys } from './keys.ts';
import { OutputClosed } from './output.ts';
import { endText } from './render/status.ts';
import { isForPrograms, sayMessage } from './say.ts';

export type Attachment = {
  readonly runtime: Runtime & Watching;
  readonly project: ProjectName;
  /** The services of this run: what is stopped at the end. */
  readonly services: readonly ServiceName[];
  /** Those of them whose output is shown. */
  readonly shown: readonly ServiceName[];
  /** What the end of one container means for all. */
  readonly stopAll: 'never' | 'when-one-ends' | 'when-one-fails';
  /** Whose exit code is ours. */
  readonly exitCodeFrom?: ServiceName | undefined;
  /** Instead of each container's own grace. */
  readonly graceMs?: Millis | undefined;
  readonly interrupts: Interrupts;
  /** Output from before this moment is not shown. Milliseconds since the epoch. */
  readonly sinceMs: number;
  readonly timestamps: boolean;
  readonly prefix: boolean;
  /** Those that have ended may be started again: the end of all is not the end. */
  readonly stay?: boolean;
};

/**
 * Shows what the containers write until those that are shown have ended, one of them ends that all depend on, or the user
 * has had enough: the first interrupt stops them in reverse order (0), the second kills them (130), `d` leaves them alone.
 */
export async function attach(context: Context, attachment: Attachment): Promise<number> {
  const { runtime, project, services, interrupts, sinceMs } = attachment;
  const isOurs = ({ service }: ObservedContainer): boolean => services.includes(service);
  const run = (await runtime.observe(project)).containers.filter(isOurs);
  const isShown = ({ service }: { readonly service: ServiceName }): boolean => attachment.shown.includes(service);
  const shown = new Set(run.filter(isShown).map(({ name }) => name));
  const printer = printerFor(context, { ...attachment, containers: [...shown] });
  const notes = new Notes();
  const ends = new Ends({
    sinceMs,
    onEnd: ({ name, status }, restarting) => {
      if (!shown.has(name)) return;
      const text = `${endText(status)}${restarting ? ' (restarting)' : ''}`;
      const isMessage = isForPrograms(context);
      notes.add(() => (isMessage ? sayMessage(context, `${name} ${text}`) : printer.note(name, text)));
    },
  });
  for (const container of [...run].sort(byEnd)) ends.see(container);

  const over = new AbortController();
  const names = shown.size === 0 ? undefined : shown;
  const ending = { project, ends, joins: isOurs, names, patienceMs: 0, signal: over.signal };
  const readerGone = new AbortController();
  const judging = followLeft(context, { project, ends, signal: over.signal });
  const watching = runtime.watch(project, {
    signal: over.signal,
    onChange: (container) => {
      if (!isOurs(container)) return;
      // A replica that has come later.
      if (isShown(container)) shown.add(container.name);
      ends.see(container);
    },
    onGone: (name) => ends.gone(name),
  });
  const printing = printLogs(
    context,
    {
      ...attachment,
      containers: [...shown],
      json: context.globals.json,
      follow: true,
      joins: isShown,
      notes,
      signal: over.signal,
    },
    printer,
  ).catch((error: unknown) => {
    if (!(error instanceof OutputClosed)) throw error;
    readerGone.abort();
  });
  const keys = listenForKeys();
  if (keys !== undefined && !isForPrograms(context)) {
    context.stderr.write(`${context.paintError('dim', 'd detaches, Ctrl-C stops')}\n`);
  }
  try {
    await Promise.race([
      ...(attachment.stay === true ? [] : [allOver(context, ending)]),
      ...reasonsToStop(attachment, ends),
      ...[interrupts.first, readerGone.signal, ...(keys ? [keys.detach] : [])].map(aborted),
    ]);
    return await finish(context, attachment, { ends, shown, keys });
  } finally {
    keys?.close();
    // What was written last may still be on its way from the log file to here.
    await sleep(lastWordsMs);
    over.abort();
    await Promise.all([printing, watching, judging]);
  }
}

const lastWordsMs = 50;
const reportMs = 2000;

function reasonsToStop({ stopAll }: Attachment, ends: Ends): readonly Promise<unknown>[] {
  if (stopAll === 'never') return [];
  return [ends.first(({ exitCode: code }) => stopAll === 'when-one-ends' || code !== 0)];
}

type Audience = { readonly ends: Ends; readonly shown: ReadonlySet<ContainerName>; readonly keys: Keys | undefined };

/** What is left to do when the show is over, and the exit code. */
async function finish(context: Context, attachment: Attachment, { ends, shown, keys }: Audience): Promise<number> {
  const { stopAll, exitCodeFrom, interrupts } = attachment;
  if (keys?.detach.aborted && !interrupts.first.aborted) {
    sayMessage(context, 'detached; the containers go on running');
    return exitCode.ok;
  }
  const culprit =
    stopAll === 'never'
      ? undefined
      : ends.ended.find(({ exitCode: code }) => stopAll === 'when-one-ends' || code !== 0);
  const isLeft = [...ends.living].some((name) => stopAll !== 'never' || shown.size === 0 || shown.has(name));
  let code: number = exitCode.ok;
  if (isLeft) {
    if (culprit !== undefined) sayMessage(context, `stopping, because ${culprit.container.name} has ended`);
    const cause: Cause = culprit ? { kind: 'ended', container: culprit.container.name } : { kind: 'interrupted' };
    code = await end(context, attachment, cause);
    // They have ended; the report of it is on its way.
    await Promise.race([ends.all(), sleep(reportMs, undefined, { ref: false })]);
  }
  if (code !== exitCode.ok) return code;
  if (exitCodeFrom !== undefined) return codeOf(ends.ended.find(({ container }) => container.service === exitCodeFrom));
  return interrupts.first.aborted ? exitCode.ok : codeOf(culprit);
}

/** An end that nobody saw counts as killed. */
const codeOf = (ended: { readonly exitCode: number | null } | undefined): number =>
  ended === undefined ? exitCode.ok : (ended.exitCode ?? 137);

/** Stops what belongs to this run, with grace; at the second interrupt without. */
async function end(
  context: Context,
  { runtime, project, services, interrupts, graceMs }: Attachment,
  cause: Cause,
): Promise<number> {
  const shared = { title: 'up', project, onFailure: 'continue', live: false } as const;
  // After an end that was no interrupt, the first one may not wait for the grace either.
  const enough = interrupts.first.aborted ? interrupts.second : interrupts.first;
  if (!enough.aborted) {
    if (interrupts.first.aborted) sayMessage(context, 'stopping; press Ctrl-C again to kill');
    const plan = (observed: ObservedState) => planStop(observed, { services, graceMs, cause });
    const { exitCode: code } = await change(context, runtime, { ...shared, plan, signal: enough });
    if (!enough.aborted) return code;
  }
  sayMessage(context, 'killing');
  const atOnce = { graceMs: 0 as Millis, preStop: 'skip', cause } as const;
  const plan = (observed: ObservedState) => planStop(observed, { services, ...atOnce });
  await change(context, runtime, { ...shared, plan, signal: new AbortController().signal });
  return interrupts.exitCode();
}

const endOf = ({ status }: ObservedContainer): number =>
  status.kind === 'exited' || status.kind === 'failed' ? status.finishedAtMs : 0;
const byEnd = (a: ObservedContainer, b: ObservedContainer): number => endOf(a) - endOf(b);

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
