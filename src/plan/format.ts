import { placeOf, placeText } from '../model/place.ts';
import type { Cause, Change, Plan, Step } from '../model/plan.ts';
import type { ContainerName } from '../model/units.ts';
import { unreachable } from '../util/assert.ts';
import { escapeControls } from '../util/escape.ts';
import { conditionText } from './steps.ts';

/**
 * What `plan` and `up` tell a person: one entry per thing that changes, with its cause. Steps that only serve another one
 * (the stop of what is recreated) are left out.
 *
 *     create volume shop_data: does not exist
 *     recreate shop-web-1: environment.PORT 8080 → 9090, stack.yml:12:13
 */
export function formatPlan(plan: Plan): string {
  const kinds = kindsByContainer(plan);
  return plan.steps
    .flatMap((step) => {
      const title = titleOf(step, kinds);
      return title === undefined ? [] : [entry(title, step.cause)];
    })
    .join('');
}

/** Every step with its cause and what it comes after, in an executable order: for tests, and for those who want to know. */
export function formatSteps(plan: Plan): string {
  return plan.steps
    .map(({ id, cause, after }) => {
      const causes = cause.kind === 'changed' ? cause.changes.map(changeText).join('; ') : causeText(cause);
      return `${id} (${causes})${after.length === 0 ? '' : ` after ${after.join(', ')}`}\n`;
    })
    .join('');
}

const entry = (title: string, cause: Cause): string => {
  if (cause.kind !== 'changed' || cause.changes.length === 1) return `${title}: ${causeText(cause)}\n`;
  return `${title}:\n${cause.changes.map((change) => `  ${changeText(change)}\n`).join('')}`;
};

type Kinds = ReadonlyMap<ContainerName, ReadonlySet<Step['action']['kind']>>;

function kindsByContainer(plan: Plan): Kinds {
  const kinds = new Map<ContainerName, Set<Step['action']['kind']>>();
  for (const { action } of plan.steps) {
    if (!('container' in action)) continue;
    const name = typeof action.container === 'string' ? action.container : action.container.name;
    kinds.set(name, (kinds.get(name) ?? new Set()).add(action.kind));
  }
  return kinds;
}

function titleOf({ action }: Step, kinds: Kinds): string | undefined {
  switch (action.kind) {
    case 'create-volume':
      return `create volume ${action.volume.name}`;
    case 'remove-volume':
      return `remove volume ${action.name}`;
    case 'create-network':
      return `${action.network.external ? 'join' : 'create'} network ${action.network.name}`;
    case 'remove-network':
      return `${action.network.external ? 'leave' : 'remove'} network ${action.network.name}`;
    case 'create': {
      const { name } = action.container;
      if (kinds.get(name)?.has('remove')) return `recreate ${name}`;
      const replaces =
        action.replaces === undefined || action.replaces === name ? '' : ` in place of ${action.replaces}`;
      return `create ${name}${replaces}`;
    }
    case 'start': {
      const others = kinds.get(action.container);
      if (others?.has('create')) return undefined;
      return `${others?.has('stop') ? 'restart' : 'start'} ${action.container}`;
    }
    case 'stop': {
      const others = kinds.get(action.container);
      return others?.has('remove') || others?.has('start') ? undefined : `stop ${action.container}`;
    }
    case 'remove':
      return kinds.get(action.container)?.has('create') ? undefined : `remove ${action.container}`;
    case 'kill':
      return `send ${action.signal} to ${action.container}`;
    case 'pause':
    case 'unpause':
      return `${action.kind} ${action.container}`;
    case 'wait':
      return `wait until ${action.container} is ${conditionText(action.dependency)}`;
    case 'prove':
      return undefined;
    case 'hook':
      return `run ${action.when} hook of ${action.container}`;
    default:
      return unreachable(action);
  }
}

/** Why a step is there, in words. */
export function causeText(cause: Cause): string {
  switch (cause.kind) {
    case 'missing':
      return 'does not exist';
    case 'changed':
      return cause.changes.map(changeText).join('; ');
    case 'not-running':
      return {
        created: 'not started yet',
        exited: 'has ended',
        failed: 'could not be started',
        paused: 'is paused',
        running: 'is running',
      }[cause.status];
    case 'forced':
      return 'forced';
    case 'other-version':
      return `made by another version of tscompose (${cause.version})`;
    case 'scaled-down':
      return 'more replicas than wanted';
    case 'orphan':
      return 'its service is not in the file';
    case 'removed-from-file':
      return 'not in the file any more';
    case 'requested':
      return 'requested';
    case 'dependency':
      return `${cause.of} depends on it`;
    case 'dependency-recreated':
      return `${cause.dependency} is made anew`;
    case 'dependency-restarted':
      return `${cause.dependency} is restarted`;
    case 'recreating':
      return `makes room for ${cause.container}`;
    case 'restart-policy':
      return `ended with ${cause.exitCode ?? 'an unknown code'}, automatic restart ${cause.attempt}`;
    case 'start-unfinished':
      return 'not done since its start';
    case 'unhealthy':
      return 'is unhealthy';
    case 'ended':
      return `${cause.container} has ended`;
    case 'interrupted':
      return 'interrupted';
    default:
      return unreachable(cause);
  }
}

function changeText({ path, from, to, origin }: Change): string {
  const at = origin === undefined ? '' : `, ${placeText(placeOf(origin))}`;
  if (from === undefined) return `${path} ${to === undefined ? 'changed' : `set to ${short(to)}`}${at}`;
  if (to === undefined) return `${path} removed, was ${short(from)}${at}`;
  return `${path} ${short(from)} → ${short(to)}${at}`;
}

/** Control and formatting characters are shown, not sent to the terminal; a long value is cut in the middle. */
function short(value: string): string {
  const shown = value === '' ? '""' : escapeControls(value);
  return shown.length <= longestShown ? shown : `${shown.slice(0, longestShown - 20)}…${shown.slice(-19)}`;
}
const longestShown = 80;
