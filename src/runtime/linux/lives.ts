import { bootId, isAlive } from './proc.ts';
import type { ShimState } from './records.ts';

/** A state survives a boot, and then the numbers in it are those of strangers. */
export const isOfThisBoot = (state: ShimState): boolean => state.bootId === bootId();

export const monitorLives = (state: ShimState | undefined): state is ShimState =>
  state !== undefined && isOfThisBoot(state) && isAlive(state.monitorPid, state.monitorStart);

/** Whether PID 1 of the container does. */
export const initLives = (state: ShimState | undefined): state is ShimState =>
  state !== undefined && isOfThisBoot(state) && isAlive(state.initPid, state.initStart);
