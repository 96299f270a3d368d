import type { Event } from '../model/event.ts';
import type { Action, Step } from '../model/plan.ts';
import type { ObservedContainer } from '../model/state.ts';
import type { ContainerName } from '../model/units.ts';
import { causeText } from '../plan/format.ts';
import { endLine } from './end-entry.ts';
import type { EventLog } from './event-log.ts';
import type { LogLine } from './log-entry.ts';

export type Recording = {
  /** The command, or `supervise`. */
  readonly by: string;
  /** When the last life of a container began, or was found not to. */
  readonly lifeOf: (container: ContainerName) => number | undefined;
};

/** Writes down what is done to containers while a plan is carried out. */
export function recordSteps(log: EventLog, { by, lifeOf }: Recording): (event: Event) => void {
  const creations = new Map<Step, number>();
  const noteCreation = ({ step, atMs }: Extract<Event, { kind: 'step-started' }>): void => {
    if (step.action.kind === 'create') creations.set(step, atMs);
  };
  return (event) => {
    if (event.kind === 'step-started') noteCreation(event);
    if (event.kind !== 'step-done' && event.kind !== 'step-failed') return;
    const { action, cause } = event.step;
    const container = subjectOf(action);
    // A wait that succeeded changed nothing, and its cause is told by the step it was for.
    if (container === undefined || (action.kind === 'wait' && event.kind === 'step-done')) return;
    const { failure } = event;
    if (failure?.code === 'interrupted') return;
    const lifeAtMs = action.kind === 'start' ? lifeOf(container) : undefined;
    log.append({
      kind: 'step',
      // We hear of a start when the command may have run for a while, or be over. No line is to be later than that.
      atMs: failure ? event.atMs : Math.min(lifeAtMs ?? creations.get(event.step) ?? event.atMs, event.atMs),
      container,
      by,
      action: actionText(action),
      cause: causeText(cause),
      ...(failure && { failure: failure.message }),
      ...(lifeAtMs !== undefined && { lifeAtMs }),
    });
  };
}

/**
 * Writes down the ends that nobody has: without a restart policy there was no supervisor to see them, and what a command
 * starts or removes next forgets them.
 */
export function recordEnds(log: EventLog, containers: readonly ObservedContainer[]): void {
  const ends = containers
    .filter(({ config }) => config.restart.condition === 'no')
    .flatMap((container) => endLine(container) ?? []);
  if (ends.length === 0) return;
  const idOf = (line: LogLine): string => ('endedAtMs' in line ? `${line.container} ${line.endedAtMs}` : '');
  const known = new Set(log.read().map(idOf));
  for (const line of ends) if (!known.has(idOf(line))) log.append(line);
}

function subjectOf(action: Action): ContainerName | undefined {
  if (!('container' in action)) return undefined;
  return typeof action.container === 'string' ? action.container : action.container.name;
}

function actionText(action: Action): string {
  if (action.kind === 'hook') return `${action.when} hook`;
  return action.kind === 'kill' ? `kill with ${action.signal}` : action.kind;
}
