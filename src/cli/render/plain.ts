import type { Event } from '../../model/event.ts';
import { unreachable } from '../../util/assert.ts';
import type { Output } from '../output.ts';
import type { Progress } from './progress.ts';
import { printable } from './width.ts';
import { doing, outcome, reasonText, subjectText } from './words.ts';

/** One line an event: for files, pipes and people who read slowly. */
export function plainProgress(output: Output): Progress {
  const say = (line: string) => output.write(`${printable(line)}\n`);
  return {
    plan: () => {},
    event: (event) => {
      const line = plainLine(event);
      if (line !== undefined) say(line);
    },
    say,
    close: () => {},
  };
}

/** Undefined for events that plain output leaves out. */
export function plainLine(event: Event): string | undefined {
  switch (event.kind) {
    case 'step-started': {
      const reason = reasonText(event.step);
      return `${subjectText(event.step)}  ${doing(event.step.action)}${reason === undefined ? '' : `: ${reason}`}`;
    }
    case 'step-done':
      return `${subjectText(event.step)}  ${outcome(event)}`;
    case 'step-failed':
      if (event.failure.code === 'interrupted') return `${subjectText(event.step)}  interrupted`;
      return `${subjectText(event.step)}  ${event.failure.message}`;
    case 'step-skipped':
      return undefined;
    case 'warning':
      return `warning: ${event.container === undefined ? '' : `${event.container}: `}${event.message}`;
    case 'lock-wait':
      return `waiting for ${event.holder} to finish`;
    default:
      return unreachable(event);
  }
}
