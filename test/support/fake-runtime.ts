import type { RuntimeFailure } from '../../src/model/event.ts';
import type { Action, ActionKind, ActionOf } from '../../src/model/plan.ts';
import type {
  ContainerStatus,
  DesiredContainer,
  GivenUp,
  HealthRecord,
  ObservedContainer,
  ObservedNetwork,
  ObservedState,
  ObservedVolume,
  ProbeResult,
} from '../../src/model/state.ts';
import type { ContainerName, ProjectName } from '../../src/model/units.ts';
import { stepId } from '../../src/plan/steps.ts';
import type { Outcome, ProbeRequest, Runtime, Session, Watching, WatchOptions } from '../../src/runtime/runtime.ts';
import { err, ok, type Result } from '../../src/util/result.ts';

/** What a started container does at once; `run` (the default) keeps it running. */
export type Program = { readonly exit: number } | { readonly refuse: RuntimeFailure } | 'run';

type Ending = { readonly oomKilled?: boolean; readonly requested?: true };

const allHooks = { from: 0, failed: false } as const;

const hooksOf = ({ config: { hooks } }: Pick<ObservedContainer, 'config'>, when: 'post-start' | 'post-stop') =>
  when === 'post-start' ? hooks.postStart : hooks.postStop;

function ended({ hooksLeft: _, ...container }: ObservedContainer, status: ContainerStatus): ObservedContainer {
  const hooksLeft = hooksOf(container, 'post-stop').length > 0 ? { hooksLeft: allHooks } : {};
  return { ...container, status, ...hooksLeft };
}

/**
 * A machine in memory that keeps the laws of the real one and throws when a plan breaks them: one container per name, no
 * start of what runs or does not exist, no container without its volumes and networks, no network removed from under its
 * members, no start and no removal before the hooks after an end.
 */
export class FakeRuntime implements Runtime, Watching {
  readonly performed: string[] = [];
  readonly healthRecords: { readonly container: ContainerName; readonly record: HealthRecord }[] = [];
  /** Asked before each action; a failure is what the action then ends with. */
  failure: (action: Action) => RuntimeFailure | undefined = () => undefined;
  /** How long an action takes; by default no time, but never at once. */
  delay: (action: Action) => Promise<void> = () => Promise.resolve();
  program: (container: ObservedContainer) => Program = () => 'run';
  now: () => number = () => 0;

  #containers = new Map<ContainerName, ObservedContainer>();
  #volumes = new Map<string, ObservedVolume>();
  #networks = new Map<string, ObservedNetwork>();
  #project: ProjectName;
  #watchers = new Set<WatchOptions>();
  #changed: (() => void)[] = [];
  #locked = false;
  #unlocked: (() => void)[] = [];
  #pid = 1000;

  constructor(initial: ObservedState) {
    this.#project = initial.project;
    for (const container of initial.containers) this.#containers.set(container.name, container);
    for (const volume of initial.volumes) this.#volumes.set(volume.name, volume);
    for (const network of initial.networks) this.#networks.set(network.name, network);
  }

  get state(): ObservedState {
    return {
      project: this.#project,
      containers: [...this.#containers.values()],
      volumes: [...this.#volumes.values()],
      networks: [...this.#networks.values()],
    };
  }

  container(name: string): ObservedContainer {
    const container = this.#containers.get(name as ContainerName);
    if (container === undefined) throw new Error(`there is no container ${name}`);
    return container;
  }

  observe = async (): Promise<ObservedState> => this.state;

  wait = (_project: ProjectName, action: ActionOf<'wait'>, signal: AbortSignal): Outcome => this.#wait(action, signal);

  begin = async () => ({ session: () => this.open(), cancel: async () => {} });

  async open(): Promise<Result<Session, RuntimeFailure>> {
    while (this.#locked) await new Promise<void>((resolve) => this.#unlocked.push(resolve));
    this.#locked = true;
    return ok({
      observe: () => {
        this.#adopt();
        return this.observe();
      },
      perform: <K extends ActionKind>(action: ActionOf<K>, signal: AbortSignal): Outcome =>
        this.#perform(action, signal),
      close: async () => {
        this.#locked = false;
        for (const wake of this.#unlocked.splice(0)) wake();
      },
    });
  }

  async watch(_project: ProjectName, options: WatchOptions): Promise<void> {
    this.#watchers.add(options);
    for (const container of this.#containers.values()) options.onChange(container);
    options.onLooked?.();
    await new Promise<void>((resolve) => {
      if (options.signal.aborted) resolve();
      options.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    this.#watchers.delete(options);
  }

  /** What a probe of a container answers; by default that all is well. */
  health: (request: ProbeRequest) => Pick<ProbeResult, 'exitCode' | 'output'> = () => ({ exitCode: 0, output: '' });

  async probe(_project: ProjectName, request: ProbeRequest): Promise<ProbeResult> {
    return { startedAtMs: this.now(), finishedAtMs: this.now(), ...this.health(request) };
  }

  async recordGivenUp(
    _project: ProjectName,
    container: ContainerName,
    { reason }: { readonly reason: GivenUp },
  ): Promise<void> {
    const observed = this.#containers.get(container);
    if (observed !== undefined) this.#put({ ...observed, givenUp: reason });
  }

  async recordHealth(_project: ProjectName, container: ContainerName, record: HealthRecord): Promise<void> {
    this.healthRecords.push({ container, record });
    const observed = this.#containers.get(container);
    if (observed?.status.kind !== 'running') return;
    this.#put({ ...observed, status: { ...observed.status, health: record.health } });
  }

  /** The container's process ends, by itself unless that was `requested`. */
  exit(name: string, exitCode: number | null, { oomKilled = false, requested }: Ending = {}): void {
    const container = this.container(name);
    if (container.status.kind !== 'running') throw new Error(`${name} does not run`);
    const { startedAtMs } = container.status;
    const end = { exitCode, oomKilled, startedAtMs, finishedAtMs: this.now(), ...(requested && { requested }) };
    this.#put(ended(container, { kind: 'exited', ...end }));
  }

  /** Its monitor is killed: under the lock it gets another one, if it can be had. */
  loseMonitor(name: string): void {
    this.#put({ ...this.container(name), monitored: false });
  }

  canAdopt = true;
  /** How often a monitor was to be had for a container that had none. */
  adoptions = 0;

  #adopt(): void {
    for (const container of this.#containers.values()) {
      if (container.monitored || !isAlive(container)) continue;
      this.adoptions++;
      if (this.canAdopt) this.#put({ ...container, monitored: true });
    }
  }

  /** Somebody else takes it away. */
  vanish(name: string): void {
    this.#containers.delete(this.container(name).name);
    for (const { onGone } of this.#watchers) onGone(name as ContainerName);
  }

  async #perform(action: Action, signal: AbortSignal): Outcome {
    this.performed.push(stepId(action));
    await this.delay(action);
    const failure = this.failure(action);
    if (failure !== undefined) {
      if (action.kind === 'hook') this.#noteHook(action, false);
      return err(failure);
    }
    switch (action.kind) {
      case 'create-volume':
        this.#law(!this.#volumes.has(action.volume.name), `volume ${action.volume.name} is made once`);
        this.#volumes.set(action.volume.name, { name: action.volume.name, key: action.volume.key });
        return done;
      case 'remove-volume':
        this.#law(this.#volumes.delete(action.name), `volume ${action.name} exists`);
        return done;
      case 'create-network':
        this.#law(!this.#networks.has(action.network.name), `network ${action.network.name} is made once`);
        this.#networks.set(action.network.name, { name: action.network.name, network: action.network });
        return done;
      case 'remove-network':
        this.#removeNetwork(action);
        return done;
      case 'create':
        this.#create(action.container);
        return done;
      case 'start':
        return this.#start(action);
      case 'stop':
        this.#end(action.container, 143, action.byUser);
        return done;
      case 'kill':
        if (action.signal === 'SIGKILL') this.#end(action.container, 137, action.byUser);
        return done;
      case 'remove': {
        const container = this.container(action.container);
        this.#law(!isAlive(container), `${action.container} has ended before it is removed`);
        this.#law(
          container.hooksLeft === undefined,
          `hooks after the end of ${action.container} come before its removal`,
        );
        this.#containers.delete(action.container);
        for (const { onGone } of this.#watchers) onGone(action.container);
        return done;
      }
      case 'pause':
      case 'unpause':
        return this.#freeze(action);
      case 'wait':
        return this.#wait(action, signal);
      case 'prove':
        return this.#prove(action.container);
      case 'hook':
        this.#noteHook(action, true);
        return done;
    }
  }

  #noteHook({ container: name, when }: ActionOf<'hook'>, succeeded: boolean): void {
    if (when !== 'post-start' && when !== 'post-stop') return;
    const { hooksLeft, ...container } = this.container(name);
    const isItsTime = container.status.kind === (when === 'post-start' ? 'running' : 'exited');
    this.#law(isItsTime && hooksLeft !== undefined, `${name} is to have a ${when} hook`);
    if (hooksLeft === undefined) return;
    const failed = !succeeded && when === 'post-start';
    const from = hooksLeft.from + (failed ? 0 : 1);
    const isDone = from === hooksOf(container, when).length;
    this.#put({ ...container, ...(!isDone && { hooksLeft: { from, failed } }) });
  }

  #prove(name: ContainerName): Result<void, RuntimeFailure> {
    const { status } = this.container(name);
    const failed = status.kind === 'failed' || (status.kind === 'exited' && status.exitCode !== 0);
    return failed ? err({ code: 'dependency-failed', message: `${name} did not prove itself`, notes: [] }) : done;
  }

  #removeNetwork({ network }: ActionOf<'remove-network'>): void {
    const members = this.state.containers.filter(
      (container) => isAlive(container) && container.config.networks.some((one) => one.network === network.key),
    );
    this.#law(members.length === 0, `network ${network.name} is empty before it is removed`);
    this.#law(this.#networks.delete(network.name), `network ${network.name} exists`);
  }

  #create(container: DesiredContainer): void {
    const { name, service, number, config, dependsOn } = container;
    this.#law(!this.#containers.has(name), `there is one container with the name ${name}`);
    this.#demandResources(container);
    this.#put({
      name,
      service,
      number,
      config,
      fingerprintVersion: 1,
      dependsOn,
      createdAtMs: this.now(),
      status: { kind: 'created' },
      monitored: true,
      stoppedByUser: false,
      restarts: 0,
    });
  }

  #demandResources({ name, config }: Pick<DesiredContainer, 'name' | 'config'>): void {
    for (const mount of config.mounts) {
      if (mount.kind !== 'volume' || mount.volume === undefined) continue;
      this.#law(this.#volumes.has(mount.volume), `volume ${mount.volume} is there before ${name}`);
    }
    for (const { network } of config.networks) {
      const there = [...this.#networks.values()].some((one) => one.network.key === network);
      this.#law(there, `network ${network} is there before ${name}`);
    }
  }

  #start({ container: name, automatic }: ActionOf<'start'>): Result<void, RuntimeFailure> {
    const container = this.container(name);
    this.#law(!isAlive(container), `${name} does not run when it is started`);
    this.#demandResources(container);
    const program = this.program(container);
    const startedAtMs = this.now();
    const restarts = automatic ? container.restarts + 1 : 0;
    this.#law(container.hooksLeft === undefined, `hooks after the end of ${name} come before its next start`);
    const next = { ...container, restarts, stoppedByUser: automatic ? container.stoppedByUser : false };
    if (program !== 'run' && 'refuse' in program) {
      const { message } = program.refuse;
      this.#put({ ...next, status: { kind: 'failed', message, exitCode: 127, finishedAtMs: startedAtMs } });
      return err(program.refuse);
    }
    const health = container.config.healthcheck === undefined ? {} : ({ health: 'starting' } as const);
    const hooksLeft = container.config.hooks.postStart.length > 0 ? { hooksLeft: allHooks } : {};
    this.#put({ ...next, ...hooksLeft, status: { kind: 'running', pid: this.#pid++, startedAtMs, ...health } });
    if (program !== 'run') this.exit(name, program.exit);
    return ok(undefined);
  }

  #end(name: ContainerName, exitCode: number, byUser: true | undefined): void {
    const container = this.container(name);
    const stoppedByUser = container.stoppedByUser || byUser === true;
    const { status } = container;
    if (status.kind !== 'running' && status.kind !== 'paused') {
      this.#put({ ...container, stoppedByUser });
      return;
    }
    const { startedAtMs } = status;
    const end = { exitCode, oomKilled: false, startedAtMs, finishedAtMs: this.now() };
    this.#put(ended({ ...container, stoppedByUser }, { kind: 'exited', ...end }));
  }

  #freeze({ container: name, kind }: ActionOf<'pause' | 'unpause'>): Result<void, RuntimeFailure> {
    const container = this.container(name);
    const { status } = container;
    const wanted = kind === 'pause' ? 'running' : 'paused';
    if (status.kind !== wanted) return err({ code: 'not-running', message: `cannot ${kind} ${name}`, notes: [] });
    const { pid, startedAtMs } = status;
    this.#put({ ...container, status: { kind: kind === 'pause' ? 'paused' : 'running', pid, startedAtMs } });
    return ok(undefined);
  }

  async #wait(action: ActionOf<'wait'>, signal: AbortSignal): Outcome {
    for (;;) {
      const verdict = judge(action, this.#containers.get(action.container)?.status);
      if (verdict === 'holds') return ok(undefined);
      if (verdict !== 'not yet') return err({ code: 'dependency-failed', message: verdict, notes: [] });
      if (signal.aborted) return err({ code: 'interrupted', message: 'cannot wait any longer', notes: [] });
      await new Promise<void>((resolve) => {
        this.#changed.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  #put(container: ObservedContainer): void {
    this.#containers.set(container.name, container);
    for (const { onChange } of this.#watchers) onChange(container);
    for (const wake of this.#changed.splice(0)) wake();
  }

  #law(holds: boolean, sentence: string): void {
    if (!holds) throw new Error(`law of the machine: ${sentence}`);
  }
}

const done = ok(undefined);

const isAlive = ({ status }: ObservedContainer): boolean => status.kind === 'running' || status.kind === 'paused';

function judge({ container, dependency }: ActionOf<'wait'>, status: ContainerStatus | undefined): string {
  if (dependency.condition === 'service_healthy' && status?.kind === 'running') {
    if (status.health === undefined || status.health === 'healthy') return 'holds';
    return status.health === 'unhealthy' ? `${container} is unhealthy` : 'not yet';
  }
  const isOver = status === undefined || status.kind === 'exited' || status.kind === 'failed';
  if (!dependency.condition.startsWith('service_completed')) return isOver ? `${container} has ended` : 'holds';
  if (status?.kind !== 'exited') return isOver ? `${container} cannot complete` : 'not yet';
  const isGood = dependency.condition === 'service_completed' || status.exitCode === 0;
  return isGood ? 'holds' : `${container} ended with ${status.exitCode}`;
}
