import { applyPlan } from '../../apply/apply.ts';
import type { ActionOf, Plan } from '../../model/plan.ts';
import type { ObservedState } from '../../model/state.ts';
import type { Millis, SignalName } from '../../model/units.ts';
import { planKill } from '../../plan/signal.ts';
import type { Session } from '../../runtime/runtime.ts';
import { parseSignal } from '../../spec/units.ts';
import { exitCode } from '../exit-code.ts';
import { sayError } from '../say.ts';
import { changeStored, ofServices } from '../stored.ts';
import type { Runner } from './runner.ts';

export const kill: Runner<'kill'> = async ({ flags, args }, context) => {
  const signal = parseSignal(flags.signal ?? 'SIGKILL');
  if (signal === undefined) {
    const hint = 'a signal is a name like SIGHUP or HUP, or a number';
    sayError(context, { code: 'usage', message: `there is no signal "${flags.signal}"`, hint });
    return exitCode.usage;
  }
  let sent = false;
  return changeStored(context, {
    title: 'kill',
    names: args,
    plan: (observed, services) => planKill(observed, { services, signal, sent }),
    once: true,
    // Whoever has the project may be waiting for the very end that is wished for here.
    urgent:
      ({ runtime, target: { name }, services }) =>
      async (onEvent, over) => {
        // A hook that somebody waits for keeps the project from being changed.
        if (signal === 'SIGKILL')
          void runtime.hasten(name, { services, graceMs: 0 as Millis, sparesHooks: true }, over);
        const observed = await runtime.observe(name);
        const plan = planKill(observed, { services, signal, postStop: 'skip' });
        if (plan.steps.length === 0 || !canBeSentNow(plan, observed, signal)) return false;
        const session: Pick<Session, 'perform'> = {
          perform: (action, aborted) => runtime.kill(name, action as ActionOf<'kill'>, aborted),
        };
        const options = { onEvent, signal: over, now: Date.now, onFailure: 'continue' } as const;
        const { failed, skipped } = await applyPlan(plan, session, options);
        sent = failed.length + skipped.length === 0;
        return sent && !isRemembered(plan);
      },
    idle: ({ name }) => `nothing${ofServices(args)} is running in project ${name}`,
    idleCode: exitCode.failed,
  });
};

/** Some of it has to go on record, so that no restart policy undoes it. */
const isRemembered = ({ steps }: Plan): boolean => steps.some(({ action }) => action.kind === 'kill' && action.byUser);

/** A stop signal must not be sent twice, so it is on record first; and only under the lock can a new monitor be made. */
function canBeSentNow(plan: Plan, { containers }: ObservedState, signal: SignalName): boolean {
  if (isRemembered(plan) && signal !== 'SIGKILL') return false;
  return containers.every(({ monitored, status }) => monitored || status.kind !== 'running');
}
