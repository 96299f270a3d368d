import type { Event } from '../../model/event.ts';
import type { Plan } from '../../model/plan.ts';

/** Shows how a plan is carried out. Progress goes to standard error; `close` leaves the terminal as it was, on every path. */
export interface Progress {
  /** A round of work begins. */
  readonly plan: (plan: Plan) => void;
  readonly event: (event: Event) => void;
  /** A line that is not about a step, above whatever is being redrawn. */
  readonly say: (line: string) => void;
  readonly close: () => void;
}
