import { placeOf, placeText } from '../model/place.ts';
import type { Change, Plan, Step } from '../model/plan.ts';
import { causeText } from './format.ts';

/** The plan as data for `--json`: stable names, no configuration (it may be large, and secret). */
export type PlanJson = {
  readonly steps: readonly {
    readonly id: string;
    readonly action: string;
    readonly subject: string;
    readonly cause: { readonly kind: string; readonly text: string; readonly changes?: readonly ChangeJson[] };
    readonly at?: string;
    readonly after: readonly string[];
  }[];
};
export type ChangeJson = { readonly path: string; readonly from?: string; readonly to?: string; readonly at?: string };

export function planJson(plan: Plan): PlanJson {
  return {
    steps: plan.steps.map((step) => ({
      id: step.id,
      action: step.action.kind,
      subject: subjectOf(step),
      cause: {
        kind: step.cause.kind,
        text: causeText(step.cause),
        ...(step.cause.kind === 'changed' && { changes: step.cause.changes.map(changeJson) }),
      },
      ...(step.origin && { at: placeText(placeOf(step.origin)) }),
      after: step.after,
    })),
  };
}

const changeJson = ({ origin, ...change }: Change): ChangeJson => ({
  ...change,
  ...(origin && { at: placeText(placeOf(origin)) }),
});

/** The name of what a step is about. */
export function subjectOf({ action }: Step): string {
  switch (action.kind) {
    case 'create-volume':
      return action.volume.name;
    case 'remove-volume':
      return action.name;
    case 'create-network':
    case 'remove-network':
      return action.network.name;
    case 'create':
      return action.container.name;
    default:
      return action.container;
  }
}
