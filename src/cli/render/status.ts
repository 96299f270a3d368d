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
      if (status.reboot) return `Exited (${exitText(status)})`;
      return `Exited (${exitText(status)}) ${spanText(nowMs - status.finishedAtMs)} ago`;
    case 'failed':
      return `Failed (${status.exitCode}) ${spanText(nowMs - status.finishedAtMs)} ago: ${status.message}`;
    default:
      return unreachable(status);
  }
}

/** Of a container between two lives: `Restarting (1) 3 seconds ago`, the code and the time of its end; or, once it is being set up, `Restarting`. */
export function restartingText(status: ContainerStatus, nowMs: number): string {
  if (status.kind === 'created') return 'Restarting';
  // After a boot it waits for whoever brings the stack up.
  if (status.kind === 'exited' && status.reboot) return statusText(status, nowMs);
  return statusText(status, nowMs).replace(/^(?:Exited|Failed) /, 'Restarting ');
}

type Ended = Extract<ContainerStatus, { readonly kind: 'exited' }>;

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
