import type { Event } from '../../model/event.ts';
import type { Action, Step } from '../../model/plan.ts';
import type { Dependency } from '../../model/project.ts';
import { causeText } from '../../plan/format.ts';
import { subjectOf } from '../../plan/json.ts';
import { conditionText } from '../../plan/steps.ts';
import { unreachable } from '../../util/assert.ts';

/** What a line of progress is about: `volume shop_data`, or a container by its bare name. */
export function subjectText(step: Step): string {
  const kind = step.action.kind;
  if (kind === 'create-volume' || kind === 'remove-volume') return `volume ${subjectOf(step)}`;
  if (kind === 'create-network' || kind === 'remove-network') return `network ${subjectOf(step)}`;
  return subjectOf(step);
}

/** While it happens. */
export function doing(action: Action): string {
  switch (action.kind) {
    case 'create-network':
      return action.network.external ? 'joining' : 'creating';
    case 'create-volume':
    case 'create':
      return 'creating';
    case 'remove-network':
      return action.network.external ? 'leaving' : 'removing';
    case 'remove-volume':
    case 'remove':
      return 'removing';
    case 'start':
      return 'starting';
    case 'stop':
      return 'stopping';
    case 'kill':
      return `sending ${action.signal}`;
    case 'pause':
      return 'pausing';
    case 'unpause':
      return 'resuming';
    case 'wait':
      return `waiting until ${conditionText(action.dependency)}`;
    case 'prove':
      return 'proving itself';
    case 'hook':
      return `running ${action.when} hook`;
    default:
      return unreachable(action);
  }
}

/** How a step ended that its plan goes on from. `failure`: it did not succeed, which is put up with. */
export const outcome = ({ step: { action }, failure }: Pick<StepDone, 'step' | 'failure'>): string =>
  failure === undefined ? done(action) : `${doing(action)}: did not succeed`;

type StepDone = Extract<Event, { readonly kind: 'step-done' }>;

/** When it has happened. */
export function done(action: Action): string {
  switch (action.kind) {
    case 'create-network':
      return action.network.external ? 'joined' : 'created';
    case 'create-volume':
    case 'create':
      return 'created';
    case 'remove-network':
      return action.network.external ? 'left' : 'removed';
    case 'remove-volume':
    case 'remove':
      return 'removed';
    case 'start':
      return 'started';
    case 'stop':
      return 'stopped';
    case 'kill':
      return `sent ${action.signal}`;
    case 'pause':
      return 'paused';
    case 'unpause':
      return 'resumed';
    case 'wait':
      return conditionText(action.dependency);
    case 'prove':
      return 'updated';
    case 'hook':
      return `ran ${action.when} hook`;
    default:
      return unreachable(action);
  }
}

/** What others wait for, after its subject: `shop-db-1 to be healthy`. */
export function expected(action: Action): string {
  switch (action.kind) {
    case 'create-network':
    case 'create-volume':
    case 'create':
      return 'to be created';
    case 'remove-network':
    case 'remove-volume':
    case 'remove':
      return 'to be removed';
    case 'start':
      return 'to start';
    case 'stop':
      return 'to stop';
    case 'kill':
      return `to get ${action.signal}`;
    case 'pause':
      return 'to be paused';
    case 'unpause':
      return 'to be resumed';
    case 'wait':
      return expectedCondition(action.dependency);
    case 'prove':
      return 'to prove itself';
    case 'hook':
      return `to run its ${action.when} hook`;
    default:
      return unreachable(action);
  }
}

function expectedCondition({ condition, pattern }: Dependency): string {
  switch (condition) {
    case 'service_started':
      return 'to start';
    case 'service_healthy':
      return 'to be healthy';
    case 'service_completed':
      return 'to end';
    case 'service_completed_successfully':
      return 'to succeed';
    case 'service_log_line':
      return `to print /${pattern ?? ''}/`;
    default:
      return unreachable(condition);
  }
}

/** Why, when it is not what anybody would expect anyway, nor was told at an earlier step of the same container. */
export function reasonText({ action, cause }: Pick<Step, 'action' | 'cause'>): string | undefined {
  if ((action.kind === 'start' || action.kind === 'prove') && (cause.kind === 'changed' || cause.kind === 'forced'))
    return undefined;
  switch (cause.kind) {
    case 'missing':
    case 'requested':
    case 'recreating':
    case 'ended':
    case 'interrupted':
      return undefined;
    case 'not-running':
      return cause.status === 'created' ? undefined : causeText(cause);
    default:
      return causeText(cause);
  }
}

/** `0.2s`, `12.5s`, `3m05s`. */
export function elapsed(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, '0')}s`;
}
