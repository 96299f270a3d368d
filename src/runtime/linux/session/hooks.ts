import type { RuntimeFailure } from '../../../model/event.ts';
import type { ActionOf } from '../../../model/plan.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import { execInContainer } from '../exec.ts';
import type { SessionContext } from './context.ts';
import { runBeside } from './one-off.ts';

/** A hook that ends with another code than 0 is a failure of its step. */
export async function runHook(
  context: SessionContext,
  { container, when, hook }: ActionOf<'hook'>,
  signal: AbortSignal,
): Promise<Result<void, RuntimeFailure>> {
  const inside = when === 'post-start' || when === 'pre-stop';
  const request = {
    argv: hook.argv,
    environment: hook.environment,
    ...(hook.user === undefined ? {} : { user: hook.user }),
    ...(hook.workingDir === undefined ? {} : { workingDir: hook.workingDir }),
    privileged: hook.privileged,
    tty: false,
    stdio: 'capture',
    host: context.options.environment ?? {},
    signal,
  } as const;
  const outcome = inside
    ? await execInContainer(context.project, container, request)
    : await runBeside(context, { container, hook, signal });
  if (!outcome.ok) return outcome;
  const { exitCode, output } = outcome.value;
  if (exitCode === 0) return ok(undefined);
  const last = output.toString().trimEnd().split('\n').slice(-5);
  return err({
    code: 'setup-failed',
    message: `cannot finish the ${when} hook of ${container}: ${hook.argv[0]} ended with code ${exitCode}`,
    notes: last.filter((line) => line !== ''),
  });
}
