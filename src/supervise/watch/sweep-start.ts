import { lstatSync } from 'node:fs';
import type { Change } from './batch.ts';

/** A change may have been heard of so much later: this process, or the machine, was busy. */
const mostBusyMs = 1000;
/** The kernel stamps files with a clock that ticks as slowly as this. */
const tickMs = 10;
/** The first paths of a batch are the earliest, and one whose time has not moved on since is among so many. */
const looked = 100;

/**
 * From when on a change that nobody has heard of may belong to this batch: since its first path changed, as the file system
 * has it. What is older was in another batch, and is not to be done again.
 */
export function sweepStart(heard: readonly Change[], heardAtMs: number): number {
  const times = heard.slice(0, looked).flatMap(({ path }) => changedAt(path) ?? []);
  const earliest = heardAtMs - mostBusyMs;
  return times.length === 0 ? earliest : Math.max(earliest, Math.min(heardAtMs, ...times) - tickMs);
}

/** undefined: it is gone, and cannot tell. */
function changedAt(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.ctimeMs;
}
