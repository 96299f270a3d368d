import { bootId, isAlive, parentOfLiving } from './proc.ts';
import type { ShimState } from './records.ts';

/** A state survives a boot, and then the numbers in it are those of strangers. */
export const isOfThisBoot = (state: ShimState): boolean => state.bootId === bootId();

export const monitorLives = (state: ShimState | undefined): state is ShimState =>
  state !== undefined && isOfThisBoot(state) && isAlive(state.monitorPid, state.monitorStart);

export type Lives = { readonly init: boolean; readonly monitor: boolean };

/** What lives of a container. Most are looked at once: whoever still has a child has not ended. */
export function livesOf(state: ShimState | undefined): Lives {
  if (state === undefined || !isOfThisBoot(state)) return { init: false, monitor: false };
  const parent = parentOfLiving(state.initPid, state.initStart);
  const isMonitor = parent !== undefined && parent === state.monitorPid;
  return { init: parent !== undefined, monitor: isMonitor || isAlive(state.monitorPid, state.monitorStart) };
}

/** Whether PID 1 of the container does. */
export const initLives = (state: ShimState | undefined): state is ShimState =>
  state !== undefined && isOfThisBoot(state) && isAlive(state.initPid, state.initStart);
