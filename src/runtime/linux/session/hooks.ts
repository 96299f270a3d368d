import { constants } from 'node:os';
import type { RuntimeFailure } from '../../../model/event.ts';
import type { ActionOf } from '../../../model/plan.ts';
import type { ContainerName } from '../../../model/units.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import { abortAfter } from '../../timer.ts';
import { hookGroup } from '../cgroup/layout.ts';
import { execInContainer } from '../exec.ts';
import { writeHookRun } from '../hooks-run.ts';
import { observeContainer } from '../observe.ts';
import { findContainer, type SessionContext } from './context.ts';
import { eventually } from './destroy.ts';
import { runBeside } from './one-off.ts';

const withoutHooks = 'tscompose kill ends a container without its pre_stop hooks';

/** A hook that ends with another code than 0 is a failure of its step. */
export async function runHook(
  context: SessionContext,
  action: ActionOf<'hook'>,
  interrupt: AbortSignal,
): Promise<Result<void, RuntimeFailure>> {
  const outcome = await run(context, action, interrupt);
  const { when, container } = action;
  if (when === 'post-start' || when === 'post-stop') noteHook(context, { container, when, outcome });
  return outcome;
}

/**
 * Whoever interrupts a hook wants to have no more of it: no supervisor runs it again, which nobody could interrupt. One after a
 * start is left to the next command that starts the container.
 */
function noteHook(
  context: SessionContext,
  {
    container,
    when,
    outcome,
  }: {
    readonly container: ContainerName;
    readonly when: 'post-start' | 'post-stop';
    readonly outcome: Result<void, RuntimeFailure>;
  },
): void {
  const known = findContainer(context, container);
  if (!known.ok) return;
  const { record, where } = known.value;
  const { status } = observeContainer(record, where);
  if (!('startedAtMs' in status) || (status.kind === 'exited') !== (when === 'post-stop')) return;
  try {
    writeHookRun(where.hooks, { startedAtMs: status.startedAtMs, when, succeeded: outcome.ok });
  } catch {
    // Then it is run once more by whoever comes next, which is better than to fail now.
  }
}

async function run(
  context: SessionContext,
  { container, when, hook, withinMs }: ActionOf<'hook'>,
  interrupt: AbortSignal,
): Promise<Result<void, RuntimeFailure>> {
  const environment = { ...(when === 'post-stop' ? howItEnded(context, container) : {}), ...hook.environment };
  const late = withinMs === undefined ? undefined : abortAfter(withinMs);
  const signal = late === undefined ? interrupt : AbortSignal.any([interrupt, late]);
  const inside = when === 'post-start' || when === 'pre-stop';
  const request = {
    argv: hook.argv,
    environment,
    ...(hook.user === undefined ? {} : { user: hook.user }),
    ...(hook.workingDir === undefined ? {} : { workingDir: hook.workingDir }),
    privileged: hook.privileged,
    tty: false,
    stdio: 'capture',
    group: hookGroup,
    host: context.options.environment ?? {},
    signal,
  } as const;
  const outcome = inside
    ? await execInContainer(context.project, container, request)
    : await runBeside(context, { container, hook: { ...hook, environment }, signal });
  if (outcome.ok && outcome.value.exitCode === 0) return ok(undefined);
  if (interrupt.aborted) {
    const message = `cannot finish the ${when} hook of ${container}: it was interrupted`;
    return err({ code: 'interrupted', message, notes: [] });
  }
  if (late?.aborted) return endedLate(context, { container, when, afterMs: withinMs ?? 0 });
  if (inside && (await endedWith(context, container, outcome))) {
    // What was to be stopped need not be prepared for it any more.
    if (when === 'pre-stop') return ok(undefined);
    const message = `cannot finish the ${when} hook of ${container}: the container has ended`;
    return err({ code: 'not-running', message, notes: [] });
  }
  if (!outcome.ok) return outcome;
  const { exitCode, output } = outcome.value;
  const last = output.toString().trimEnd().split('\n').slice(-5);
  return err({
    code: 'setup-failed',
    message: `cannot finish the ${when} hook of ${container}: ${hook.argv[0]} ended with code ${exitCode}`,
    notes: [...last.filter((line) => line !== ''), ...(when === 'pre-stop' ? [withoutHooks] : [])],
  });
}

/** A stop that was given so much time goes on without it. */
function endedLate(
  context: SessionContext,
  { container, when, afterMs }: Pick<ActionOf<'hook'>, 'container' | 'when'> & { readonly afterMs: number },
): Result<void, RuntimeFailure> {
  const message = `cannot finish the ${when} hook of ${container}: it was ended after ${afterMs / 1000} s, as -t has it`;
  if (when !== 'pre-stop') return err({ code: 'timeout', message, notes: [] });
  context.warn(message, container);
  return ok(undefined);
}

/** With PID 1 all in its namespace is killed, of which we hear sooner than of its own end. */
const endIsHeardMs = 500;

/** Whether the container ended over a hook inside it that did not succeed. */
async function endedWith(
  context: SessionContext,
  name: ContainerName,
  outcome: Awaited<ReturnType<typeof execInContainer>>,
): Promise<boolean> {
  const wasKilled = outcome.ok && outcome.value.exitCode === 128 + constants.signals.SIGKILL;
  return wasKilled ? eventually(() => hasEnded(context, name), endIsHeardMs) : hasEnded(context, name);
}

function hasEnded(context: SessionContext, name: ContainerName): boolean {
  const known = findContainer(context, name);
  if (!known.ok) return true;
  const { kind } = observeContainer(known.value.record, known.value.where).status;
  return kind !== 'running' && kind !== 'paused';
}

/** In the words of systemd.exec(5): what a command that runs after every end wants to know. */
function howItEnded(context: SessionContext, name: ContainerName): { readonly [variable: string]: string } {
  const known = findContainer(context, name);
  if (!known.ok) return {};
  const { status } = observeContainer(known.value.record, known.value.where);
  if (status.kind === 'failed')
    return { SERVICE_RESULT: 'exit-code', EXIT_CODE: 'exited', EXIT_STATUS: `${status.exitCode}` };
  if (status.kind !== 'exited') return {};
  const { exitCode, signal, oomKilled } = status;
  if (exitCode === null) return { SERVICE_RESULT: 'unknown', EXIT_CODE: '', EXIT_STATUS: '' };
  if (signal === undefined) {
    return {
      SERVICE_RESULT: exitCode === 0 ? 'success' : 'exit-code',
      EXIT_CODE: 'exited',
      EXIT_STATUS: `${exitCode}`,
    };
  }
  const signalName = signal.replace(/^SIG/, '');
  return { SERVICE_RESULT: oomKilled ? 'oom-kill' : 'signal', EXIT_CODE: 'killed', EXIT_STATUS: signalName };
}
