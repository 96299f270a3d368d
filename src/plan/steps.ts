import type { Action, Cause, Step } from '../model/plan.ts';
import type { Dependency } from '../model/project.ts';
import type { Origin } from '../model/source.ts';
import { invariant, unreachable } from '../util/assert.ts';

/** The readable, unique name of a step. Names of containers have no blanks, so that no two kinds of step can collide. */
export function stepId(action: Action, index?: number): string {
  switch (action.kind) {
    case 'create-volume':
      return `create volume ${action.volume.name}`;
    case 'remove-volume':
      return `remove volume ${action.name}`;
    case 'create-network':
      return `create network ${action.network.name}`;
    case 'remove-network':
      return `remove network ${action.network.name}`;
    case 'create':
      return `create ${action.container.name}`;
    case 'start':
    case 'stop':
    case 'kill':
    case 'pause':
    case 'unpause':
    case 'remove':
    case 'prove':
      return `${action.kind} ${action.container}`;
    case 'wait':
      return `wait ${action.container} ${conditionText(action.dependency)}`;
    case 'hook':
      return `hook ${action.container} ${action.when} ${(index ?? 0) + 1}`;
    default:
      return unreachable(action);
  }
}

/** What is waited for, in words. */
export function conditionText(dependency: Dependency): string {
  const optional = dependency.required ? '' : ' (optional)';
  switch (dependency.condition) {
    case 'service_started':
      return `started${optional}`;
    case 'service_healthy':
      return `healthy${optional}`;
    case 'service_completed':
      return `completed${optional}`;
    case 'service_completed_successfully':
      return `completed successfully${optional}`;
    case 'service_log_line':
      return `log line /${dependency.pattern ?? ''}/${optional}`;
    default:
      return unreachable(dependency.condition);
  }
}

export type NewStep = {
  readonly action: Action;
  readonly cause: Cause;
  /** Ids of earlier steps of the list; absent ones and repetitions are left out. */
  readonly after?: readonly (string | undefined)[];
  readonly origin?: Origin | undefined;
  /** Which of several hooks of a kind. */
  readonly index?: number;
};

/** Collects steps; a step can only come after steps that are in the list already, so that its order is an executable one. */
export class StepList {
  readonly steps: Step[] = [];
  readonly #positions = new Map<string, number>();

  /** The id of the new step. */
  add({ action, cause, after = [], origin, index }: NewStep): string {
    const id = stepId(action, index);
    invariant(!this.#positions.has(id), `step "${id}" is planned once`);
    const earlier = [...new Set(after)].filter((other): other is string => other !== undefined);
    const position = (other: string): number => {
      const found = this.#positions.get(other);
      invariant(found !== undefined, `"${other}" is planned before "${id}"`);
      return found;
    };
    earlier.sort((a, b) => position(a) - position(b));
    this.#positions.set(id, this.steps.length);
    this.steps.push({ id, action, cause, ...(origin && { origin }), after: earlier });
    return id;
  }

  has(id: string): boolean {
    return this.#positions.has(id);
  }
}
