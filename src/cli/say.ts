import type { CommandCode, DiagnosticCode } from '../model/diagnostic.ts';
import type { FailureCode } from '../model/event.ts';
import type { Context } from './context.ts';
import { printable } from './render/width.ts';

/** An error that has no place in a file. */
export type PlainError = {
  /** Stable, for programs. */
  readonly code: CommandCode | DiagnosticCode | FailureCode;
  /** Lower case, no full stop. */
  readonly message: string;
  readonly hint?: string;
};

type Listener = Pick<Context, 'stderr' | 'paintError'> & {
  readonly globals: Pick<Context['globals'], 'json' | 'progress'>;
};

/** Standard error is read by a program: every line of it is one object. */
export const isForPrograms = ({ globals: { json, progress } }: Pick<Listener, 'globals'>): boolean =>
  json || progress === 'json';

/** That there was nothing to do, which a program sees from there being no plan. */
export function sayIdle(context: Pick<Listener, 'globals' | 'stderr'>, message: string): void {
  if (!isForPrograms(context)) context.stderr.write(`${message}\n`);
}

/** Something for people, which a program gets as an event of its own kind. */
export function sayMessage(context: Pick<Listener, 'globals' | 'stderr'>, message: string): void {
  context.stderr.write(isForPrograms(context) ? `${JSON.stringify({ event: 'message', message })}\n` : `${message}\n`);
}

/** `error: message`, then the hint, line by line; with `--json` one object. */
export function sayError(listener: Listener, { code, message, hint }: PlainError): void {
  const { stderr, paintError } = listener;
  if (isForPrograms(listener)) {
    const severity = 'error';
    stderr.write(`${JSON.stringify({ severity, code, message, ...(hint === undefined ? {} : { hint }) })}\n`);
    return;
  }
  const more = hint === undefined ? '' : `  ${paintError('blue', '=')} ${linesOf(hint).join('\n    ')}\n`;
  stderr.write(`${paintError('error', 'error')}${paintError('bold', `: ${printable(message)}`)}\n${more}`);
}

const linesOf = (hint: string): readonly string[] => hint.split('\n').map(printable);
