import type { Event } from '../../model/event.ts';
import { causeText } from '../../plan/format.ts';
import { subjectOf } from '../../plan/json.ts';
import { unreachable } from '../../util/assert.ts';
import type { Output } from '../output.ts';
import type { Progress } from './progress.ts';

/** One JSON object a line, for programs: `event` says what it is, `id` names the step. */
export function jsonProgress(output: Output): Progress {
  const print = (value: object) => output.write(`${JSON.stringify(value)}\n`);
  return {
    plan: ({ steps }) => print({ event: 'plan', steps: steps.map(({ id }) => id) }),
    event: (event) => print(eventJson(event)),
    say: (message) => print({ event: 'message', message }),
    close: () => {},
  };
}

/** Stable names; new ones may be added. */
export function eventJson(event: Event): object {
  switch (event.kind) {
    case 'step-started': {
      const { id, action, cause } = event.step;
      const subject = subjectOf(event.step);
      return { event: event.kind, id, action: action.kind, subject, cause: causeText(cause), timeMs: event.atMs };
    }
    case 'step-done':
      return {
        event: event.kind,
        id: event.step.id,
        ...(event.failure && { message: event.failure.message }),
        timeMs: event.atMs,
      };
    case 'step-failed': {
      const { code, message } = event.failure;
      return { event: event.kind, id: event.step.id, code, message, timeMs: event.atMs };
    }
    case 'step-skipped':
      return { event: event.kind, id: event.step.id, because: event.because };
    case 'warning':
      return { event: event.kind, ...(event.container && { container: event.container }), message: event.message };
    case 'lock-wait':
      return { event: event.kind, holder: event.holder };
    default:
      return unreachable(event);
  }
}
