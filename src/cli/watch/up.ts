import type { Changed } from '../change.ts';
import type { Context } from '../context.ts';
import { type Converging, warnOfOrphans } from '../converging.ts';
import type { Deadline } from '../deadline.ts';
import { exitCode } from '../exit-code.ts';
import type { Interrupts } from '../interrupt.ts';
import type { openRuntime } from '../runtime.ts';
import { watchInBackground } from './background.ts';
import { hasWatchRules } from './rules.ts';
import { openWatch, teller } from './session.ts';
import type { StackSource } from './stack-source.ts';

export type UpWatch = {
  readonly runtime: ReturnType<typeof openRuntime>;
  readonly source: StackSource;
  readonly stack: Converging;
  readonly names: readonly string[];
  readonly background: boolean;
  readonly interrupts: Interrupts;
  readonly deadline?: Deadline | undefined;
  /** Shows what the containers write, until the user has had enough. */
  readonly attach: (changed: Changed) => Promise<number>;
  /** What is left to do in the background, when all runs. */
  readonly settle: (changed: Changed) => Promise<number>;
};

/** `up --watch`: in the foreground beside the output of the containers, with -d as a process of its own. */
export async function upAndWatch(context: Context, request: UpWatch): Promise<number> {
  const { runtime, source, stack, interrupts, deadline } = request;
  if (!hasWatchRules(context, stack)) return exitCode.failed;
  const { directory, name } = stack.project;
  const signal = interrupts.first;
  const say = teller(context, { directory, project: name, quiet: false, ends: false, to: 'stderr' });
  const session = await openWatch(context, { runtime, source, stack, say, deadline, signal });
  if (!session.ok) return session.error;
  const watching = session.value;
  const changed = await watching.bringUp();
  warnOfOrphans(context, stack, changed.observed);
  if (request.background || (changed.exitCode !== exitCode.ok && !signal.aborted)) {
    await watching.close();
    if (changed.exitCode !== exitCode.ok) return request.settle(changed);
    const begun = await watchInBackground(context, name, request.names);
    return begun === exitCode.ok ? request.settle(changed) : begun;
  }
  // What nobody expects is thrown at the end, where it is waited for.
  const end = watching.run();
  end.catch(() => {});
  const code = await request.attach(changed);
  await watching.close();
  await end;
  return code;
}
