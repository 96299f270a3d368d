import type { RuntimeFailure } from '../model/event.ts';
import type { Step } from '../model/plan.ts';
import { conditionText } from '../plan/steps.ts';
import { abortAfter } from '../runtime/timer.ts';

/** The end of `--wait-timeout`. */
export type Deadline = { readonly signal: AbortSignal; readonly seconds: number };

/** Runs from here on; none without the flag, and none with 0, as in docker compose. */
export function deadlineIn(seconds = 0): Deadline | undefined {
  return seconds === 0 ? undefined : { signal: abortAfter(seconds * 1000), seconds };
}

type Refused = { readonly step: Step; readonly failure: RuntimeFailure };

/** A wait that the deadline has ended has failed. */
export function tooLate({ step, failure }: Refused, { seconds }: Deadline): Refused {
  if (failure.code !== 'interrupted' || step.action.kind !== 'wait') return { step, failure };
  const { container, dependency } = step.action;
  const message = `cannot wait for ${container} any longer: it is not ${conditionText(dependency)} after ${seconds} s`;
  return { step, failure: { code: 'timeout', message, notes: [] } };
}
