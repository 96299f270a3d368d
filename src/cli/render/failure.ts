import type { RuntimeFailure } from '../../model/event.ts';
import type { Step } from '../../model/plan.ts';
import type { Origin } from '../../model/source.ts';
import type { DesiredContainer, ProbeResult } from '../../model/state.ts';
import { originAt } from '../../plan/decide.ts';
import { subjectOf } from '../../plan/json.ts';
import type { DiagnosticView } from './diagnostic.ts';
import { gutterOf, noteLine } from './diagnostic.ts';
import { frame, spotOf } from './frame.ts';
import { printable } from './width.ts';

/** A step that could not be done, and what is known around it. */
export type FailedStep = {
  readonly step: Step;
  readonly failure: RuntimeFailure;
  /** What the stack file says of its container. */
  readonly desired?: DesiredContainer;
  /** The last lines its container has written, without line ends. */
  readonly lastLines?: readonly string[];
  /** Of a container that was waited for: the last time its health was asked for. */
  readonly lastProbe?: ProbeResult;
};

/** The block that ends a command which could not do all: what, where in the file, why, the last output, and a remedy. */
export function renderFailure(failed: FailedStep, view: DiagnosticView): string {
  const { step, failure, desired, lastLines = [], lastProbe } = failed;
  const { paint, width } = view;
  const origin = failureOrigin({ step, failure, ...(desired && { desired }) });
  const spot = origin && spotOf(origin);
  const gutter = gutterOf([spot]);
  const subject = subjectOf(step);
  const message = failure.message.includes(subject) ? failure.message : `${subject}: ${failure.message}`;
  const lines = [`${paint('error', `error[${failure.code}]`)}${paint('bold', `: ${printable(message)}`)}`];
  if (spot !== undefined) lines.push(...frame(spot, { paint, style: 'error', arrow: '-->', mark: '^', width, gutter }));
  for (const note of failure.notes) lines.push(noteLine(note, gutter, paint));
  const quote = (title: string, quoted: readonly string[]) => {
    lines.push(noteLine(title, gutter, paint));
    for (const line of quoted) lines.push(`${' '.repeat(gutter + 6)}${paint('dim', printable(line))}`);
  };
  if (lastProbe !== undefined) {
    const { exitCode } = lastProbe;
    const code = exitCode === null ? 'no answer in time' : `code ${exitCode}`;
    quote(`last probe of ${subject}: ${code}`, lastProbe.output.trimEnd().split('\n').slice(-10));
  }
  if (lastLines.length > 0) quote(`last output of ${subject}:`, lastLines);
  return `${lines.join('\n')}\n`;
}

/** The culprit in the file: the value the machine refused, or at least the service it belongs to. */
export function failureOrigin({ step, failure, desired }: FailedStep): Origin | undefined {
  if (desired !== undefined) {
    const origin = originAt(desired.origins, failure.configPath ?? '');
    if (origin !== undefined) return origin;
  }
  return step.origin;
}
