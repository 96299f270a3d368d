import type { ContainerStatus } from '../../model/state.ts';
import { unreachable } from '../../util/assert.ts';

/** `Up 3 minutes (healthy)`, `Exited (137, out of memory) 2 minutes ago`. */
export function statusText(status: ContainerStatus, nowMs: number): string {
  switch (status.kind) {
    case 'created':
      return 'Created';
    case 'running': {
      const health = status.health === undefined ? '' : ` (${status.health})`;
      return `Up ${spanText(nowMs - status.startedAtMs)}${health}`;
    }
    case 'paused':
      return `Up ${spanText(nowMs - status.startedAtMs)} (paused)`;
    case 'exited':
      return status.reboot ? `Exited (${exitText(status)})` : `Exited ${lastEnd(status, nowMs)}`;
    case 'failed':
      return `Failed ${lastEnd(status, nowMs)}`;
    default:
      return unreachable(status);
  }
}

/** Of a container between two lives: `Restarting (1) 3 seconds ago`; once the next one is being set up, `Restarting`. */
export function restartingText(status: ContainerStatus, nowMs: number): string {
  switch (status.kind) {
    case 'created':
      return 'Restarting';
    case 'exited':
      // After a boot it waits for whoever brings the stack up.
      return status.reboot ? statusText(status, nowMs) : `Restarting ${lastEnd(status, nowMs)}`;
    case 'failed':
      return `Restarting ${lastEnd(status, nowMs)}`;
    default:
      return statusText(status, nowMs);
  }
}

type Ended = Extract<ContainerStatus, { readonly kind: 'exited' }>;
type Failed = Extract<ContainerStatus, { readonly kind: 'failed' }>;

/** `(1) 3 seconds ago`, `(127) 2 minutes ago: cannot run "x"`. */
function lastEnd(status: Ended | Failed, nowMs: number): string {
  const ago = `${spanText(nowMs - status.finishedAtMs)} ago`;
  return status.kind === 'exited' ? `(${exitText(status)}) ${ago}` : `(${status.exitCode}) ${ago}: ${status.message}`;
}

/** `1`, `137, SIGKILL`, `137, out of memory`, `ended by reboot`, `unknown`. */
export function exitText(end: Pick<Ended, 'exitCode' | 'signal' | 'oomKilled' | 'reboot'>): string {
  const { exitCode, signal, oomKilled, reboot } = end;
  if (reboot) return 'ended by reboot';
  const reason = oomKilled ? 'out of memory' : signal;
  const code = exitCode === null ? 'unknown' : String(exitCode);
  return reason === undefined ? code : `${code}, ${reason}`;
}

/** What is told among the output when a container ends. */
export function endText(status: ContainerStatus): string {
  if (status.kind === 'exited') return status.reboot ? 'was ended by a reboot' : `exited with code ${exitText(status)}`;
  return status.kind === 'failed' ? `could not be started: ${status.message}` : 'has ended';
}

const units = [
  ['second', 1000],
  ['minute', 60_000],
  ['hour', 3_600_000],
  ['day', 86_400_000],
  ['week', 604_800_000],
] as const;

/** A span in its largest whole unit: `3 minutes`; under a second it is `less than a second`. */
export function spanText(milliseconds: number): string {
  const unit = units.filter(([, length]) => milliseconds >= length).at(-1);
  if (unit === undefined) return 'less than a second';
  const count = Math.floor(milliseconds / unit[1]);
  return `${count} ${unit[0]}${count === 1 ? '' : 's'}`;
}
