import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { ProjectName } from '../../../model/units.ts';
import type { ProbeRequest } from '../../runtime.ts';
import { subscribe } from '../control.ts';
import { heard } from '../notified.ts';
import type { HostEnvironment } from '../options.ts';
import { type ContainerPaths, containerPaths, hostPaths, projectPaths } from '../paths.ts';
import type { Notified } from '../records.ts';
import type { Answer } from './answer.ts';

const retryMs = 100;

/** Good once the container has said that it is ready; or, as a sign of life, when it has said so within the interval. */
export async function probeNotify(
  project: ProjectName,
  { container, purpose, timeoutMs }: ProbeRequest,
  { host, signal }: { readonly host: HostEnvironment; readonly signal: AbortSignal },
): Promise<Answer> {
  const where = containerPaths(projectPaths(hostPaths(host), project), container);
  return purpose === 'liveness' ? ofWatchdog(heard(where), timeoutMs) : untilReady(where, signal);
}

async function untilReady(where: ContainerPaths, signal: AbortSignal): Promise<Answer> {
  // The monitor tells of a READY=1 as of any change; the word itself lies beside the state.
  const isReady = (): boolean => heard(where)?.ready === true;
  while (!isReady() && !signal.aborted) {
    await subscribe(where.controlSocket, isReady, { signal });
    // Without a monitor nobody listens; what is said meanwhile waits for the next one.
    if (!isReady()) await setTimeout(retryMs, undefined, { signal }).catch(() => {});
  }
  const said = heard(where);
  return said?.ready === true
    ? { exitCode: 0, output: said.status }
    : { exitCode: 1, output: `it has not said READY=1 yet${said?.status ? `; it says: ${said.status}` : ''}` };
}

/** A container that says it is stopping has nothing to prove any more. */
function ofWatchdog(said: Notified | undefined, intervalMs: number): Answer {
  if (said?.stopping) return { exitCode: 0, output: said.status };
  if (said?.trigger) return { exitCode: 1, output: 'it has said WATCHDOG=trigger' };
  if (said === undefined || said.watchdogBootMs === 0) return { exitCode: 1, output: 'it has not said WATCHDOG=1 yet' };
  const agoMs = Math.max(0, Math.round(bootMs() - said.watchdogBootMs));
  return agoMs <= intervalMs
    ? { exitCode: 0, output: said.status }
    : { exitCode: 1, output: `its last WATCHDOG=1 was ${agoMs} ms ago` };
}

/** CLOCK_BOOTTIME, in which nobody can set anything; Node has no other way to it. */
const bootMs = (): number => Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;
