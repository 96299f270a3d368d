import { readdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { RuntimeFailure } from '../../../model/event.ts';
import type { ContainerName } from '../../../model/units.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import type { CgroupLayout } from '../cgroup/layout.ts';
import { request } from '../control.ts';
import { initLives, isOfThisBoot } from '../lives.ts';
import { monotonicMs } from '../monotonic.ts';
import type { ContainerPaths } from '../paths.ts';
import { startTime } from '../proc.ts';
import type { ShimState } from '../records.ts';
import { readRecord, readState, removeIfEmpty } from '../state-dir.ts';
import { monitorAnswers, type SessionContext } from './context.ts';

/** A monitor that has not ended everything by then is broken; what it should have done is done from here. */
const longestQuitMs = 15_000;

/** Everything of a container goes, whatever state it is in and however much of it there is. */
export async function destroyContainer(
  context: SessionContext,
  { name, where }: { readonly name: ContainerName; readonly where: ContainerPaths },
): Promise<Result<void, RuntimeFailure>> {
  const record = readRecord(where.record);
  const state = readState(where.stateRecord);
  const current = state !== undefined && isOfThisBoot(state) ? state : undefined;
  let quit = false;
  if (monitorAnswers(current)) {
    quit = current.otherAbi === undefined && (await tellToQuit(where.controlSocket));
    if (!quit) await killIdentified(current.monitorPid, current.monitorStart);
  }
  if (!quit) {
    const gone = await endWithoutMonitor(current, record?.cgroups);
    if (!gone) {
      const message = `cannot remove ${name}: its process ${current?.initPid} does not end`;
      return err({ code: 'timeout', message, notes: ['it hangs in the kernel; try again when its disk answers'] });
    }
  }
  context.network.release(name);
  // The record last: as long as it is there, the next command knows what to clean.
  await rm(where.state, { recursive: true, force: true });
  await Promise.all([where.upper, where.work, where.log].map((path) => rm(path, { recursive: true, force: true })));
  await rm(where.lib, { recursive: true, force: true });
  return ok(undefined);
}

async function tellToQuit(controlSocket: string): Promise<boolean> {
  const reply = await request(controlSocket, { op: 'QUIT' }, { signal: AbortSignal.timeout(longestQuitMs) });
  return reply.ok && reply.value.error === 0;
}

/** What a monitor does at QUIT, from here. Its directories are ours, so killing by cgroup cannot hit a stranger. */
async function endWithoutMonitor(state: ShimState | undefined, cgroups: CgroupLayout | undefined): Promise<boolean> {
  if (cgroups?.v2 !== undefined) tryWrite(`${cgroups.v2.dir}/cgroup.kill`, '1');
  if (initLives(state) && !(await killIdentified(state.initPid, state.initStart))) return false;
  if (cgroups !== undefined) await removeCgroups(cgroups);
  return true;
}

/** SIGKILL to the process that had this pid when it started then; true when it is gone within 10 s. */
export async function killIdentified(pid: number, start: bigint): Promise<boolean> {
  await signalIdentified({ pid, start }, 9);
  return eventually(() => startTime(pid) !== start, 10_000);
}

/** false: the process that had this pid when it started then is gone, and nobody was sent anything. */
export async function signalIdentified(
  { pid, start }: { readonly pid: number; readonly start: bigint },
  signal: number,
): Promise<boolean> {
  const { loadNative } = await import('../native.ts');
  const native = await loadNative();
  const fd = native.openProcess(pid);
  if (fd === undefined) return false;
  try {
    // Checked after the descriptor is held: from here on the number cannot become somebody else's.
    if (startTime(pid) !== start) return false;
    native.signalProcess(fd, signal);
    return true;
  } finally {
    native.close(fd);
  }
}

async function removeCgroups({ v1, v2 }: CgroupLayout): Promise<void> {
  for (const { dir, parents } of [...v1, ...(v2 === undefined ? [] : [v2])]) {
    // A cgroup is busy until the last of its zombies is reaped.
    await eventually(() => removeCgroupTree(dir), 2000);
    for (const parent of [...parents].reverse()) removeIfEmpty(parent);
  }
}

function removeCgroupTree(dir: string): boolean {
  let children: string[];
  try {
    children = readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => `${dir}/${entry.name}`);
  } catch {
    return true;
  }
  for (const child of children) removeCgroupTree(child);
  return removeIfEmpty(dir);
}

function tryWrite(path: string, value: string): void {
  try {
    writeFileSync(path, value);
  } catch {
    // Gone, or a kernel older than 5.14; PID 1 is killed by itself, which ends all of its namespace.
  }
}

export async function eventually(check: () => boolean, timeoutMs: number): Promise<boolean> {
  const end = monotonicMs() + timeoutMs;
  for (let pause = 1; !check(); pause = Math.min(2 * pause, 50)) {
    if (monotonicMs() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  return true;
}
