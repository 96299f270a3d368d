import type { Event } from '../model/event.ts';
import type { Action } from '../model/plan.ts';
import type { ObservedContainer } from '../model/state.ts';
import type { ContainerName } from '../model/units.ts';
import { causeText } from '../plan/format.ts';
import { endLine } from './end-entry.ts';
import type { EventLog } from './event-log.ts';
import type { LogLine } from './log-entry.ts';

/** Writes down what is done to containers while a plan is carried out; `by` is the command, or `supervise`. */
export function recordSteps(log: EventLog, by: string): (event: Event) => void {
  return (event) => {
    if (event.kind !== 'step-done' && event.kind !== 'step-failed') return;
    const { action, cause } = event.step;
    const container = subjectOf(action);
    // A wait that succeeded changed nothing, and its cause is told by the step it was for.
    if (container === undefined || (action.kind === 'wait' && event.kind === 'step-done')) return;
    const { failure } = event;
    if (failure?.code === 'interrupted') return;
    log.append({
      kind: 'step',
      atMs: event.atMs,
      container,
      by,
      action: actionText(action),
      cause: causeText(cause),
      ...(failure && { failure: failure.message }),
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
