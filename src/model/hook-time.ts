import type { Millis } from './units.ts';

const shortestMs = 1000;

/** How long a hook may take where a stop is given that long: as long, but in no time at all it could do nothing. */
export const hookTimeOf = (graceMs: number): Millis => Math.max(graceMs, shortestMs) as Millis;
