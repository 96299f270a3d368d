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

/** `error: message`, then the hint; with `--json` one object. */
export function sayError({ globals, stderr, paintError }: Listener, { code, message, hint }: PlainError): void {
  if (globals.json || globals.progress === 'json') {
    const severity = 'error';
    stderr.write(`${JSON.stringify({ severity, code, message, ...(hint === undefined ? {} : { hint }) })}\n`);
    return;
  }
  const more = hint === undefined ? '' : `  ${paintError('blue', '=')} ${printable(hint)}\n`;
  stderr.write(`${paintError('error', 'error')}${paintError('bold', `: ${printable(message)}`)}\n${more}`);
}
