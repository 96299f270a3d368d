import type { LogLine } from '../supervise/log-entry.ts';
import { unreachable } from '../util/assert.ts';

/** One thing that happened to a container, in docker compose's words. */
export type EventRow = {
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  /** `create`, `start`, `die`, `stop`, `kill`, `pause`, `unpause`, `destroy`, `health_status`, … */
  readonly action: string;
  readonly container: string;
  readonly attributes: { readonly [name: string]: string };
};

/** undefined: of interest to `why` alone, or told by another line. */
export function eventRow(line: LogLine): EventRow | undefined {
  const row = (action: string, attributes: EventRow['attributes'] = {}): EventRow => ({
    atMs: line.atMs,
    action,
    container: line.container,
    attributes,
  });
  switch (line.kind) {
    case 'step':
      if (line.failure !== undefined) {
        const hook = /^(.+) hook$/.exec(line.action)?.[1];
        return hook === undefined ? undefined : row('hook_failed', { hook, by: line.by, error: line.failure });
      }
      return row(line.action === 'remove' ? 'destroy' : (line.action.split(' with ')[0] ?? ''), {
        by: line.by,
        cause: line.cause,
        ...(line.action.includes(' with ') && { signal: line.action.split(' with ')[1] ?? '' }),
      });
    case 'ended':
      return row('die', {
        exitCode: line.exitCode === null ? 'unknown' : String(line.exitCode),
        ...(line.signal !== undefined && { signal: line.signal }),
        ...(line.oomKilled && { oomKilled: 'true' }),
      });
    case 'failed':
      return row('die', { exitCode: String(line.exitCode), error: line.message });
    case 'health':
      return row('health_status', { health: line.health });
    case 'left':
      return row('left', { reason: line.reason });
    case 'restart-planned':
      return row('restart_planned', { attempt: String(line.attempt), delayMs: String(line.delayMs) });
    case 'restart-refused':
      return row('restart_refused', { error: line.message });
    case 'started':
    case 'removed':
      return undefined;
    default:
      return unreachable(line);
  }
}

/** `2026-02-28T13:00:00.000Z container die shop-web-1 (exitCode=3)`. */
export function eventText({ atMs, action, container, attributes }: EventRow): string {
  const details = Object.entries(attributes).map(([name, value]) => `${name}=${value}`);
  return `${timeOf(atMs)} container ${action} ${container}${details.length === 0 ? '' : ` (${details.join(', ')})`}`;
}

/** The fields of docker compose's `events --json`; names stand for ids. */
export function eventJson({ atMs, action, container, attributes }: EventRow, service: string): object {
  const time = timeOf(atMs);
  return { time, type: 'container', action, id: container, service, attributes: { name: container, ...attributes } };
}

const timeOf = (atMs: number): string => new Date(Math.floor(atMs)).toISOString();
