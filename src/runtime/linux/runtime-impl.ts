import type { RuntimeFailure } from '../../model/event.ts';
import type { ActionOf } from '../../model/plan.ts';
import type { HealthRecord, ObservedState, ProbeResult } from '../../model/state.ts';
import type { ContainerName, ProjectName } from '../../model/units.ts';
import type { Result } from '../../util/result.ts';
import type {
  Begin,
  Haste,
  Opening,
  OpenOptions,
  Outcome,
  ProbeRequest,
  Runtime,
  Session,
  Titled,
  Urgent,
  Watching,
  WatchOptions,
} from '../runtime.ts';
import { type GivenUpRecord, writeGivenUp } from './given-up.ts';
import { writeHealth } from './health.ts';
import { observeProject } from './observe.ts';
import type { LinuxRuntimeOptions } from './options.ts';
import { hostPaths, type Paths, projectPaths } from './paths.ts';

export class LinuxRuntime implements Runtime, Watching, Urgent {
  readonly #options: LinuxRuntimeOptions;
  readonly #paths: Paths;

  constructor(options: LinuxRuntimeOptions) {
    this.#options = { environment: process.env, ...options };
    this.#paths = hostPaths(this.#options.environment ?? {});
  }

  async observe(project: ProjectName): Promise<ObservedState> {
    return observeProject(this.#paths, project);
  }

  async wait(project: ProjectName, action: ActionOf<'wait'>, signal: AbortSignal): Outcome {
    const { waitForContainer } = await import('./session/wait.ts');
    const at = projectPaths(this.#paths, project);
    return waitForContainer({ at, project, options: this.#options }, action, signal);
  }

  async watch(project: ProjectName, options: WatchOptions): Promise<void> {
    const { watchProject } = await import('./watch.ts');
    await watchProject(this.#paths, project, options);
  }

  async probe(project: ProjectName, request: ProbeRequest, signal: AbortSignal): Promise<ProbeResult> {
    const { probeContainer } = await import('./probe/probe.ts');
    return probeContainer(project, request, { host: this.#options.environment ?? {}, signal });
  }

  async recordHealth(project: ProjectName, container: ContainerName, record: HealthRecord): Promise<void> {
    writeHealth(this.#paths, project, { container, record });
  }

  async recordGivenUp(project: ProjectName, container: ContainerName, record: GivenUpRecord): Promise<void> {
    writeGivenUp(this.#paths, project, { container, record });
  }

  async kill(project: ProjectName, action: ActionOf<'kill'>, signal: AbortSignal): Outcome {
    const { killNow } = await import('./urgent.ts');
    return killNow(projectPaths(this.#paths, project), action, signal);
  }

  async hasten(project: ProjectName, haste: Haste, signal: AbortSignal): Promise<void> {
    const { hastenStops } = await import('./urgent.ts');
    await hastenStops(projectPaths(this.#paths, project), haste, signal);
  }

  async begin(project: ProjectName, options: Begin): Promise<Opening> {
    // Not at the top: a command that only looks never needs what changes the machine.
    const { beginSession } = await import('./session/open.ts');
    return beginSession(this.#paths, project, { ...options, runtime: this.#options });
  }

  async open(project: ProjectName, options: OpenOptions & Titled): Promise<Result<Session, RuntimeFailure>> {
    const opening = await this.begin(project, options);
    return opening.session(options);
  }
}
