import { setTimeout as sleep } from 'node:timers/promises';
import type { Project } from '../model/project.ts';
import type { ContainerStatus, ObservedContainer, ObservedState } from '../model/state.ts';
import type { ContainerName, Millis, ServiceName } from '../model/units.ts';
import { planStop } from '../plan/stop.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { change } from './change.ts';
import type { Context } from './context.ts';
import { exitCode } from './exit-code.ts';
import { printerFor, printLogs } from './follow.ts';
import type { Interrupts } from './interrupt.ts';
import { OutputClosed } from './output.ts';
import type { LogPrinter } from './render/log-lines.ts';
import { exitText } from './render/status.ts';

export type Attachment = {
  readonly runtime: Runtime;
  readonly project: Project;
  /** As named on the command line; none: all. */
  readonly services: readonly ServiceName[];
  readonly interrupts: Interrupts;
  /** Output from before this moment is not shown. Milliseconds since the epoch. */
  readonly sinceMs: number;
  readonly timestamps: boolean;
  readonly prefix: boolean;
};

/**
 * Shows what the containers write until all of them have ended (0), or until the user has had enough: the first
 * interrupt stops them in reverse order (0), the second kills them (130).
 */
export async function attach(context: Context, attachment: Attachment): Promise<number> {
  const { runtime, project, services, interrupts } = attachment;
  const chosen = project.services.filter(({ name, attach: shown }) =>
    services.length === 0 ? shown : services.includes(name),
  );
  const isOurs = ({ service }: ObservedContainer) => chosen.some(({ name }) => name === service);
  const containers = (await runtime.observe(project.name)).containers.filter(isOurs).map(({ name }) => name);
  const request = { ...attachment, project: project.name, containers };
  const printer = printerFor(context, request);

  const stopFollowing = new AbortController();
  const readerGone = new AbortController();
  const printing = printLogs(
    context,
    { ...request, json: context.globals.json, follow: true, signal: stopFollowing.signal },
    printer,
  ).catch((error: unknown) => {
    if (!(error instanceof OutputClosed)) throw error;
    readerGone.abort();
  });
  const ends = watchEnds(attachment, new Set(containers), printer);
  await Promise.race([ends.all, aborted(interrupts.first), aborted(readerGone.signal)]);
  const code = ends.alive() ? await end(context, attachment) : exitCode.ok;
  await ends.all;
  // What was written last may still be on its way from the log file to here.
  await sleep(lastWordsMs);
  stopFollowing.abort();
  await printing;
  return code;
}

const lastWordsMs = 50;
const pollMs = 150;

/** Stops what the file and the command line mean, with grace; at the second interrupt without. */
async function end(context: Context, { runtime, project, services, interrupts }: Attachment): Promise<number> {
  const shared = { title: 'stop', project: project.name, onFailure: 'continue', live: false } as const;
  if (!interrupts.second.aborted) {
    context.stderr.write('stopping; press Ctrl-C again to kill\n');
    const plan = (observed: ObservedState) => planStop(observed, { services });
    const { exitCode: code } = await change(context, runtime, { ...shared, plan, signal: interrupts.second });
    if (!interrupts.second.aborted) return code;
  }
  context.stderr.write('killing\n');
  const plan = (observed: ObservedState) => planStop(observed, { services, graceMs: 0 as Millis });
  await change(context, runtime, { ...shared, plan, signal: new AbortController().signal });
  return interrupts.exitCode();
}

type Ends = { readonly all: Promise<void>; readonly alive: () => boolean };

/** Notes every end among the lines; `all` resolves when nobody is left. */
function watchEnds({ runtime, project }: Attachment, names: ReadonlySet<ContainerName>, printer: LogPrinter): Ends {
  let living = new Set<ContainerName>(names);
  const look = async () => {
    while (living.size > 0) {
      const { containers } = await runtime.observe(project.name);
      const still = new Set(containers.filter(isAlive).map(({ name }) => name));
      for (const { name, status } of containers) {
        const note = living.has(name) && !still.has(name) ? endText(status) : undefined;
        if (note !== undefined) printer.note(name, note);
      }
      living = new Set([...living].filter((name) => still.has(name)));
      if (living.size > 0) await sleep(pollMs);
    }
  };
  return { all: look(), alive: () => living.size > 0 };
}

function endText(status: ContainerStatus): string | undefined {
  if (status.kind === 'exited') return `exited with code ${exitText(status)}`;
  return status.kind === 'failed' ? `could not be started: ${status.message}` : undefined;
}

const isAlive = ({ status }: ObservedContainer) => status.kind === 'running' || status.kind === 'paused';

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
