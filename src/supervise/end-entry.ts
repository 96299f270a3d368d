import type { ObservedContainer } from '../model/state.ts';
import type { LogLine } from './log-entry.ts';

/** The end of a container as the event log has it; undefined when it has not ended. */
export function endLine({ name, status, stoppedByUser }: ObservedContainer): LogLine | undefined {
  if (status.kind === 'failed') {
    const { exitCode, message, finishedAtMs } = status;
    return { kind: 'failed', endedAtMs: finishedAtMs, exitCode, message, atMs: finishedAtMs, container: name };
  }
  if (status.kind !== 'exited' || status.reboot) return undefined;
  const { exitCode, signal, oomKilled, requested, startedAtMs, finishedAtMs } = status;
  return {
    kind: 'ended',
    endedAtMs: finishedAtMs,
    startedAtMs,
    exitCode,
    ...(signal !== undefined && { signal }),
    oomKilled,
    ...(requested && { requested }),
    stoppedByUser,
    atMs: finishedAtMs,
    container: name,
  };
}
