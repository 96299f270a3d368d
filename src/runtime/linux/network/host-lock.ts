import { closeSync, mkdirSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Native } from '../native.ts';
import { hostPaths } from '../paths.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;
const TRY_AGAIN_MS = 2;

/** Of the machine, wherever TSCOMPOSE_ROOT puts projects: they have one host in common. */
export const machineRun = hostPaths({}).run;

/**
 * Runs `work` while no other project chooses addresses or changes the host. The lock is the directory of all projects, so
 * it is there before them and leaves nothing behind.
 */
export async function withHostLock<T>(native: Native, work: () => Promise<T>): Promise<T> {
  mkdirSync(machineRun, { recursive: true, mode: 0o711 });
  const fd = openSync(machineRun, 'r');
  try {
    while (!native.flock(fd, LOCK_EX | LOCK_NB)) await sleep(TRY_AGAIN_MS);
    return await work();
  } finally {
    closeSync(fd);
  }
}
