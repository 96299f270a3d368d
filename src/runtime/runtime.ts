import type { RuntimeFailure } from '../model/event.ts';
import type { ActionKind, ActionOf } from '../model/plan.ts';
import type { ProbeCheck } from '../model/project.ts';
import type {
  DesiredContainer,
  GivenUp,
  HealthRecord,
  ObservedContainer,
  ObservedState,
  ProbeResult,
} from '../model/state.ts';
import type { ContainerName, Millis, ProjectName, ServiceName } from '../model/units.ts';
import type { Result } from '../util/result.ts';

export type Outcome = Promise<Result<void, RuntimeFailure>>;

/** Warnings the runtime has while it does as it was told (a clamped limit, a controller that is not there). */
export type Warn = (message: string, container?: ContainerName) => void;

/**
 * The machine. `observe` reads it, a `Session` changes it; there is one method per kind of action and no policy in any.
 */
export interface Runtime {
  /** Needs no lock, changes nothing. */
  observe(project: ProjectName): Promise<ObservedState>;
  /** As the action of the same name in a session. Needs no lock, so that nobody is kept from what is waited for. */
  wait(project: ProjectName, action: ActionOf<'wait'>, signal: AbortSignal): Outcome;
  /**
   * Takes the project's lock (waiting for whoever holds it; `onWait` hears who that is) and returns the hands that change
   * the machine. One session a command: the shim is started once for all containers in it.
   */
  open(project: ProjectName, options: OpenOptions & Titled): Promise<Result<Session, RuntimeFailure>>;
  /** The first half of `open`: what can be begun while it is still being found out whether there will be a session. */
  begin(project: ProjectName, options: Begin): Promise<Opening>;
}

export type Opening = {
  session(options: OpenOptions): Promise<Result<Session, RuntimeFailure>>;
  /** There will be none. */
  cancel(): Promise<void>;
};

export type Titled = {
  /** What the command is called, for those who will wait for it. */
  readonly title: string;
};

export type Begin = Titled & {
  /** Containers that will probably be created: what can be made ahead is made while nothing else is to be done. */
  readonly likely?: readonly DesiredContainer[];
};

export type OpenOptions = {
  readonly onWait: (holder: string) => void;
  readonly warn: Warn;
  readonly signal: AbortSignal;
};

/** What cannot wait for the project's lock, since whoever holds it may be waiting for the very container. Leaves no word on record. */
export interface Urgent {
  /** As the action of the same name in a session, for a container with a monitor. */
  kill(project: ProjectName, action: ActionOf<'kill'>, signal: AbortSignal): Outcome;
  /**
   * Sees to it, until `signal` is aborted, that a stop that is under way takes no longer from now on than is wished here; with
   * a `graceMs`, neither does a hook.
   */
  hasten(project: ProjectName, haste: Haste, signal: AbortSignal): Promise<void>;
}

export type Haste = {
  /** None: all. */
  readonly services: readonly ServiceName[];
  /** Absent: what each container was made with. */
  readonly graceMs?: Millis;
  /** Hooks that begin from now on are left the time they take. */
  readonly sparesHooks?: true;
};

export interface Session {
  /** `observe` under the lock: also repairs what dead monitors left and cleans what belongs to no container. */
  observe(): Promise<ObservedState>;
  /**
   * `onStart`: the start of the container that is created follows with nothing to wait for in between. A session that does
   * both in one go calls it; the action `start` then tells how that ended.
   */
  perform<K extends ActionKind>(action: ActionOf<K>, signal: AbortSignal, onStart?: () => void): Outcome;
  /** Gives the lock back. */
  close(): Promise<void>;
}

/** What the supervisor needs besides: to hear of changes, and to leave word of what it has found out. Neither takes the lock. */
export interface Watching {
  /**
   * Calls `onChange` with the present state of every container of the project, then at every change (created, started,
   * paused, ended, stopped by hand), in the order in which things happened to a container. A container whose monitor dies
   * is reported once with `monitored: false`. Resolves when `signal` is aborted.
   */
  watch(project: ProjectName, options: WatchOptions): Promise<void>;
  /**
   * Looks once at a running container, from outside. Never rejects; given up with everything it has started when
   * `signal` is aborted or the time is over.
   */
  probe(project: ProjectName, request: ProbeRequest, signal: AbortSignal): Promise<ProbeResult>;
  /** Replaces what `observe` reports as the container's health until it ends. */
  recordHealth(project: ProjectName, container: ContainerName, record: HealthRecord): Promise<void>;
  /** From now on `observe` says so, until the container is started again. `endedAtMs`: after which end. */
  recordGivenUp(
    project: ProjectName,
    container: ContainerName,
    record: { readonly reason: GivenUp; readonly endedAtMs: number },
  ): Promise<void>;
}

export type ProbeRequest = {
  readonly container: ContainerName;
  readonly check: ProbeCheck;
  /** What it is for: probes for different things of one container may run at a time. */
  readonly purpose: 'health' | 'liveness';
  readonly timeoutMs: number;
};

export type WatchOptions = {
  readonly signal: AbortSignal;
  /** As the project's supervisor: should this process end without the signal, the monitors wake another one. */
  readonly supervise?: true;
  /** Everything that exists has been reported once. */
  readonly onLooked?: () => void;
  readonly onChange: (container: ObservedContainer) => void;
  /** It was removed. */
  readonly onGone: (container: ContainerName) => void;
};
