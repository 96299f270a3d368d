import { type Applied, applyPlan } from '../apply/apply.ts';
import type { Event, RuntimeFailure } from '../model/event.ts';
import type { Plan } from '../model/plan.ts';
import type { ObservedState } from '../model/state.ts';
import type { ContainerName, ProjectName, ServiceName } from '../model/units.ts';
import { planLaggards } from '../plan/lagging.ts';
import {
  type DueRestart,
  planDependentRestarts,
  planFinishStart,
  planPolicyRestarts,
  planPostStop,
} from '../plan/restart.ts';
import { planUnhealthyRestart, planUnhealthyStop } from '../plan/unhealthy.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { err, ok, type Result } from '../util/result.ts';

export type WorkOptions = {
  readonly project: ProjectName;
  readonly runtime: Runtime;
  readonly onEvent: (event: Event) => void;
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** What does not go as it should, and is not the business of any step. */
  readonly warn: (message: string, container?: ContainerName) => void;
  /** Some work is done: perhaps nothing is left that needs time. */
  readonly onDone: () => void;
};

type Restart = DueRestart & { readonly onRefused: (message: string) => void };

/** What the supervisor has to do to the machine: each piece observes under the project's lock, plans and applies. */
export class Work {
  readonly #options: WorkOptions;
  #due: Restart[] = [];
  #running = 0;
  #restarting: Promise<void> = Promise.resolve();
  /** Those that are being run after an end. */
  readonly #hooks = new Map<ContainerName, Promise<unknown>>();

  constructor(options: WorkOptions) {
    this.#options = options;
  }

  get isBusy(): boolean {
    return this.#running > 0;
  }

  /** Containers that are due together are restarted together. */
  restart(due: Restart): void {
    this.#due.push(due);
    if (this.#due.length === 1) this.#beginRestart();
  }

  /** A dependency was brought back: those that asked for it follow. */
  restartDependents(service: ServiceName): void {
    this.#begin(async () => {
      // Its start is told before the session that started it is over, and nearly always there is nothing to do.
      await this.#restarting;
      await this.#carryOut((observed) => planDependentRestarts(observed, service));
    });
  }

  /** Whoever has brought a dependency back was killed before those that asked for it had followed. */
  catchUp(): void {
    this.#begin(() => this.#carryOut((observed) => planLaggards(observed, this.#options.now())));
  }

  /** What the file wants to be run after every end, and before it is started again. */
  runPostStop(container: ContainerName): void {
    this.#begin(async () => {
      const run = this.#carryOut((observed) => planPostStop(observed, container));
      this.#hooks.set(container, run);
      await run.finally(() => this.#hooks.delete(container));
    });
  }

  /** It runs, and whoever has started it may have been killed before all was done. */
  finishStart(container: ContainerName): void {
    this.#begin(() => this.#carryOut((observed) => planFinishStart(observed, container)));
  }

  /** Its liveness probe says that it does not do its work any more. */
  restartUnhealthy(container: ContainerName): void {
    this.#begin(() => this.#carryOut((observed) => planUnhealthyRestart(observed, container)));
  }

  stopUnhealthy(container: ContainerName): void {
    this.#begin(() => this.#carryOut((observed) => planUnhealthyStop(observed, container)));
  }

  /** Containers that lost their monitor get one: looking under the lock does that. */
  repair(): void {
    this.#begin(() => this.#carryOut(() => ({ steps: [] })));
  }

  #begin(work: () => Promise<unknown>): void {
    this.#running++;
    void work()
      .catch((bug: unknown) => {
        // Nobody awaits it: as any bug of ours it ends the process, and a monitor wakes the next supervisor.
        setImmediate(() => {
          throw bug;
        });
      })
      .finally(() => {
        this.#running--;
        this.#options.onDone();
      });
  }

  #beginRestart(): void {
    this.#begin(() => {
      this.#restarting = this.#restartDue();
      return this.#restarting;
    });
  }

  async #restartDue(): Promise<void> {
    await Promise.all(this.#due.map(({ container }) => this.#hooks.get(container)));
    let due: readonly Restart[] = [];
    const outcome = await this.#carryOut((observed) => {
      due = this.#takeDue();
      return planPolicyRestarts(observed, due);
    });
    if (!outcome.ok) {
      for (const { onRefused } of [...due, ...this.#due.splice(0)]) onRefused(outcome.error.message);
      return;
    }
    const refused = new Map<ContainerName, RuntimeFailure>();
    for (const { step, failure } of outcome.value.failed) {
      if (step.action.kind === 'start') refused.set(step.action.container, failure);
    }
    for (const { container, onRefused } of due) {
      const failure = refused.get(container);
      if (failure !== undefined) onRefused(failure.message);
    }
  }

  /** All that have become due since the session was asked for. Whose hooks have yet to run after its end comes later. */
  #takeDue(): readonly Restart[] {
    const due = this.#due.filter(({ container }) => !this.#hooks.has(container));
    this.#due = this.#due.filter(({ container }) => this.#hooks.has(container));
    if (this.#due.length > 0) this.#beginRestart();
    return due;
  }

  async #carryOut(plan: (observed: ObservedState) => Plan): Promise<Result<Applied, RuntimeFailure>> {
    const { project, runtime, onEvent, now, warn, signal } = this.#options;
    const session = await runtime.open(project, { title: 'supervise', onWait: () => {}, warn, signal });
    if (!session.ok) {
      if (session.error.code !== 'interrupted') warn(session.error.message);
      return err(session.error);
    }
    try {
      const observed = await session.value.observe();
      return ok(await applyPlan(plan(observed), session.value, { signal, onEvent, now, onFailure: 'continue' }));
    } finally {
      await session.value.close();
    }
  }
}
