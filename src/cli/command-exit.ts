import type { RuntimeFailure } from '../model/event.ts';
import type { ExecOutcome } from '../runtime/linux/exec.ts';
import type { Result } from '../util/result.ts';
import type { Context } from './context.ts';
import { exitCodeOf } from './exit-code.ts';
import { sayFailure } from './explain.ts';

/** What `exec` and `run` end with: the code of the command, or, said on standard error, why it could not be run. */
export function commandExit(context: Context, outcome: Result<ExecOutcome, RuntimeFailure>): number {
  if (outcome.ok) return outcome.value.exitCode;
  sayFailure(context, outcome.error);
  switch (outcome.error.code) {
    case 'command-not-found':
      return 127;
    case 'command-not-executable':
      return 126;
    default:
      return exitCodeOf(outcome.error.code);
  }
}
