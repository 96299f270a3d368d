import type { ProbeResult } from '../../../model/state.ts';

/** What a probe has to say: 0 is good; null: there was no answer. */
export type Answer = Pick<ProbeResult, 'exitCode' | 'output'>;
