import { expect, test } from 'vitest';
import { comesBack } from '../../../src/cli/ends.ts';
import { mayComeBack } from '../../../src/model/coming-back.ts';
import type { RestartPolicy } from '../../../src/model/project.ts';
import type { ContainerStatus, ExitedStatus, ObservedContainer } from '../../../src/model/state.ts';
import type { SignalName } from '../../../src/model/units.ts';
import { formatPlan } from '../../../src/plan/format.ts';
import { reconcile } from '../../../src/plan/reconcile.ts';
import { planKill } from '../../../src/plan/signal.ts';
import { planStop } from '../../../src/plan/stop.ts';
import { compare, desiredState, exited, observedState, running } from '../../support/builders.ts';

type Seen = Partial<ObservedContainer>;

const ended = (exitCode: number | null, rest: Partial<ExitedStatus> = {}): Seen => ({
  status: { ...(exited(exitCode) as ExitedStatus), ...rest },
});
const failed: ContainerStatus = { kind: 'failed', message: 'cannot', exitCode: 127, finishedAtMs: 2000 };
const paused: ContainerStatus = { kind: 'paused', pid: 100, startedAtMs: 1000 };

const conditions = ['no', 'on-failure', 'unless-stopped', 'always'] as const;

/**
 * What is made of the policy, in its order above. `back`: it may come back, and so do dependents when `up` is there first;
 * `stop`: it may come back, but drags nobody along; `–`: that was its last word.
 */
const table: readonly (readonly [string, Seen, string])[] = [
  ['never started', { status: { kind: 'created' } }, '– – – –'],
  ['running', { status: running }, '– – – –'],
  ['paused', { status: paused }, '– – – –'],
  ['completed', ended(0), '– – back back'],
  ['crashed', ended(1), '– back back back'],
  ['ended unseen', ended(null), '– back back back'],
  ['killed by a signal', ended(137, { signal: 'SIGKILL' }), '– back back back'],
  ['completed, asked for', ended(0, { requested: true }), '– – stop stop'],
  ['ended otherwise, asked for', ended(143, { requested: true }), '– stop stop stop'],
  ['ended by a reboot', ended(null, { reboot: true }), '– stop stop stop'],
  ['could not be started', { status: failed }, '– stop stop stop'],
  ['could not be started again', { status: failed, restarts: 1 }, '– stop stop stop'],
  ['crashed, then stopped by the user', { ...ended(1), stoppedByUser: true }, '– – – –'],
  ['stopped by the user', { ...ended(0, { requested: true }), stoppedByUser: true }, '– – – –'],
  ['failed, then stopped by the user', { status: failed, stoppedByUser: true }, '– – – –'],
  ['attempts used up', { ...ended(1), restarts: 3, givenUp: 'attempts-used-up' }, '– – – –'],
  ['start limit', { ...ended(1), restarts: 3, givenUp: 'start-limit' }, '– – – –'],
  ['failed and given up', { status: failed, restarts: 3, givenUp: 'attempts-used-up' }, '– – – –'],
];

test.each(table)('%s: its restart policy decides whether it may come back, and what follows', (_name, seen, wanted) => {
  expect(conditions.map((condition) => verdictOn(seen, { condition })).join(' ')).toBe(wanted);
});

function verdictOn(seen: Seen, restart: RestartPolicy): string {
  const desired = desiredState([
    { name: 'db', config: { restart } },
    { name: 'api', needs: ['db+restart'] },
  ]);
  const observed = observedState(desired, { 'shop-db-1': seen });
  const [db] = observed.containers;
  const may = mayComeBack(db!);
  const isUp = db!.status.kind === 'running' || db!.status.kind === 'paused';
  const drags = formatPlan(reconcile(desired, observed, { compare })).includes('api');
  expect(formatPlan(planStop(observed)).includes('stop shop-db-1')).toBe(may || isUp);
  const kill = planKill(observed, { signal: 'SIGKILL' as SignalName, sent: true });
  expect(formatPlan(kill).includes('stop shop-db-1')).toBe(may);
  // What the policy itself says, once its attempts are counted, is never more.
  if (comesBack(db!)) expect(may).toBe(true);
  if (drags) expect(may).toBe(true);
  return may ? (drags ? 'back' : 'stop') : '–';
}
