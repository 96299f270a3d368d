import { applyPlan } from '../../apply/apply.ts';
import type { ActionOf, Plan } from '../../model/plan.ts';
import type { ObservedState } from '../../model/state.ts';
import type { ContainerName, Millis, SignalName } from '../../model/units.ts';
import { planKill } from '../../plan/signal.ts';
import { eventsPath } from '../../runtime/linux/supervisor-lock.ts';
import type { Session } from '../../runtime/runtime.ts';
import { parseSignal } from '../../spec/units.ts';
import { openEventLog } from '../../supervise/event-log.ts';
import { owedPostStop } from '../../supervise/owed-hooks.ts';
import type { Context } from '../context.ts';
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
  const killed = new Set<ContainerName>();
  return changeStored(context, {
    title: 'kill',
    names: args,
    plan: (observed, services) =>
      planKill(observed, { services, signal, sent, owingHooks: owingHooks(observed, killed, context.environment) }),
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
        const { done, failed, skipped } = await applyPlan(plan, session, options);
        for (const { action } of done) if (action.kind === 'kill') killed.add(action.container);
        sent = failed.length + skipped.length === 0;
        return sent && !isRemembered(plan);
      },
    idle: ({ name }) => `nothing${ofServices(args)} is running in project ${name}`,
    idleCode: exitCode.failed,
  });
};

/**
 * Those that were killed while somebody else had the project, who may have stopped them anyway, and then has run the hooks
 * after their end.
 */
function owingHooks(
  { project, containers }: ObservedState,
  killed: ReadonlySet<ContainerName>,
  environment: Context['environment'],
): ReadonlySet<ContainerName> {
  const candidates = containers.filter(({ name, config }) => killed.has(name) && config.hooks.postStop.length > 0);
  if (candidates.length === 0) return new Set();
  const lines = openEventLog(eventsPath(project, environment)).read();
  return new Set(
    candidates.filter((container) => owedPostStop(lines, container) !== undefined).map(({ name }) => name),
  );
}

/** Some of it has to go on record, so that no restart policy undoes it. */
const isRemembered = ({ steps }: Plan): boolean => steps.some(({ action }) => action.kind === 'kill' && action.byUser);

/** A stop signal must not be sent twice, so it is on record first; and only under the lock can a new monitor be made. */
function canBeSentNow(plan: Plan, { containers }: ObservedState, signal: SignalName): boolean {
  if (isRemembered(plan) && signal !== 'SIGKILL') return false;
  return containers.every(({ monitored, status }) => monitored || status.kind !== 'running');
}
