import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Plan } from '../../model/plan.ts';
import type { Project } from '../../model/project.ts';
import type { DesiredContainer, DesiredState, ObservedContainer, ObservedState } from '../../model/state.ts';
import type { ContainerName, HostPath, ServiceName } from '../../model/units.ts';
import type { ReconcileOptions } from '../../plan/options.ts';
import { reconcile } from '../../plan/reconcile.ts';
import { planRestart } from '../../plan/restart.ts';
import { differences } from '../../project/fingerprint.ts';
import type { HostEnvironment } from '../../runtime/linux/options.ts';
import type { Runtime, Watching } from '../../runtime/runtime.ts';
import { unreachable } from '../../util/assert.ts';
import { type AttendanceEffect, type AttendanceEvent, type Attended, attend, unattended } from './attendance.ts';
import { type Change, planner, type SyncItem, type WatchedService, type WatchWork } from './batch.ts';
import { Batcher } from './batcher.ts';
import type { WatchEvent } from './events.ts';
import { type Guest, Guests, guestOf } from './guests.ts';
import { initialItems } from './initial.ts';
import { Queue } from './queue.ts';
import { Roots } from './roots.ts';
import { effectiveRules } from './rules.ts';
import { sweepStart } from './sweep-start.ts';
import type { WatchError } from './tree.ts';

/** A change of the machine that watch mode asks for; it goes the way of every other one, through apply. */
export type WatchChange = {
  readonly title: 'restart' | 'rebuild';
  readonly plan: (observed: ObservedState, settled: ReadonlySet<ContainerName>) => Plan;
  /** See `Change.once`. */
  readonly once?: true;
};

export type WatchHost = {
  readonly runtime: Runtime & Watching;
  readonly environment: HostEnvironment;
  /** true when it could be done; what could not has been explained. */
  readonly change: (change: WatchChange) => Promise<boolean>;
  readonly say: (event: WatchEvent) => void;
  /** What a container wrote last. */
  readonly lastLines: (container: ContainerName) => Promise<readonly string[]>;
  /** Whether somebody is changing the project at this moment. */
  readonly isChanging: () => boolean;
  /** Every container of the project is gone, and nobody is about to make new ones. */
  readonly onGone: () => void;
  /** Something that nobody expected. */
  readonly onThrow: (error: unknown) => void;
};

/** A stack as watch mode wants it. */
export type Watched = {
  readonly project: Project;
  readonly desired: DesiredState;
  /** The services whose rules count; none: all. */
  readonly services: readonly ServiceName[];
};

type Situation = { readonly containers: readonly ObservedContainer[]; readonly heardMs: number };

/** From here on a batch may have been too much for the kernel's queue of events. */
const sweepAbove = 2000;

/**
 * Watch mode of one project: changes of files become copies, restarts and commands, one batch after the other. Whatever
 * else wants to touch the machine (the stack file was saved) takes its turn with `exclusively`.
 */
export class Watch {
  readonly #host: WatchHost;
  readonly #guests: Guests;
  readonly #batcher: Batcher;
  readonly #queue: Queue;
  readonly #end = new AbortController();
  readonly #attended = new Map<ContainerName, Attended>();
  /** By service and target: what was copied since watch mode began. A container that is made anew gets it again. */
  readonly #copied = new Map<ServiceName, Map<string, SyncItem>>();
  /** What could not be copied because somebody was changing the project. */
  readonly #late = new Map<ServiceName, readonly SyncItem[]>();
  #watched: Watched;
  #services: readonly WatchedService[] = [];
  #roots: Roots | undefined;
  #plan: (changes: readonly Change[]) => readonly WatchWork[] = () => [];

  constructor(host: WatchHost, watched: Watched) {
    this.#host = host;
    this.#watched = watched;
    this.#guests = new Guests(watched.project.name, host);
    this.#queue = new Queue(host.onThrow);
    this.#batcher = new Batcher({
      take: (changes, heardMs) => this.exclusively(() => this.#take(changes, heardMs)),
      hold: () => this.#roots?.isBusy === true,
    });
  }

  /** Begins: resolves when containers have got what they lack. Changes are heard of since `follow`. */
  async start(): Promise<void> {
    this.#announce();
    const { name } = this.#watched.project;
    const see = (container: ObservedContainer) =>
      this.#attend(container.name, container.service, { kind: 'seen', container });
    const { containers } = await this.#host.runtime.observe(name);
    await this.exclusively(async () => {
      for (const container of containers) await see(container);
    });
    void this.#host.runtime.watch(name, {
      signal: this.#end.signal,
      onChange: (container) => void this.exclusively(() => see(container)),
      onGone: (container) => void this.exclusively(() => this.#attend(container, undefined, { kind: 'gone' })),
    });
  }

  /** Watches what this stack says from now on, and keeps the changes until the work at hand is done. */
  follow(watched: Watched): void {
    this.#watched = watched;
    const { services, warnings } = effectiveRules(watched.project, watched.services, textOf);
    if (this.#roots !== undefined && JSON.stringify(services) === JSON.stringify(this.#services)) return;
    this.#services = services;
    for (const warning of warnings) this.#host.say({ kind: 'warning', ...warning });
    this.#plan = planner(services);
    const old = this.#roots;
    this.#roots = new Roots(services, {
      onChange: (change) => this.#batcher.add(change),
      onError: (error) => this.#host.say({ kind: 'warning', ...watchTrouble(error) }),
    });
    old?.close();
    if (old !== undefined) this.#announce();
  }

  #announce(): void {
    for (const path of this.#roots?.missing ?? []) {
      this.#host.say({ kind: 'warning', message: `there is no ${path} yet`, hint: 'it is watched for' });
    }
    const services = this.#services.map(({ name }) => name);
    this.#host.say({ kind: 'watching', services, directories: this.#roots?.size ?? 0 });
  }

  /** Runs `work` when nothing else of watch mode is at work. */
  exclusively(work: () => Promise<void>): Promise<void> {
    return this.#queue.take(work);
  }

  async close(): Promise<void> {
    this.#end.abort();
    this.#batcher.close();
    this.#roots?.close();
    await this.#queue.close();
    await this.#guests.close();
  }

  /**
   * Brings into a container that has just been made, and does not run yet, what its rules with `initial_sync` say and what
   * the others have got meanwhile.
   */
  async fill({ name, service, config }: Pick<DesiredContainer, 'name' | 'service' | 'config'>): Promise<void> {
    await this.#complete({ name, mounts: config.mounts }, service);
  }

  async #take(heard: readonly Change[], heardMs: number): Promise<void> {
    const changes = heard.length < sweepAbove ? heard : this.#swept(heard, heardMs);
    const works = this.#plan(changes);
    const { containers } = await this.#host.runtime.observe(this.#watched.project.name);
    await Promise.all(works.map((work) => this.#sync(work, { containers, heardMs })));
    const rebuilt = works.filter(({ rebuild }) => rebuild);
    const restarted = works.filter(({ restart }) => restart);
    if (rebuilt.length > 0) await this.#rebuild(rebuilt, heardMs);
    if (restarted.length > 0) await this.#restart(restarted, heardMs);
    for (const work of works) await this.#execute(work, heardMs);
  }

  /** What the kernel may have dropped, added to the batch. */
  #swept(heard: readonly Change[], heardMs: number): readonly Change[] {
    const known = new Set(heard.map(({ path }) => path));
    const sinceMs = sweepStart(heard, Date.now() - (performance.now() - heardMs));
    return [...heard, ...(this.#roots?.sweep(sinceMs) ?? []).filter(({ path }) => !known.has(path))];
  }

  async #sync(work: WatchWork, { containers, heardMs }: Situation): Promise<void> {
    const { service, sync: items, causes } = work;
    if (items.length === 0) return;
    const known = this.#copied.get(service) ?? new Map<string, SyncItem>();
    for (const item of items) known.set(item.target, item);
    this.#copied.set(service, known);
    const replicas = containers.filter((container) => container.service === service);
    const ends = await Promise.all(replicas.map((container) => this.#guests.copy(guestOf(container), items)));
    for (const end of ends) if (end.kind === 'refused') this.#host.say({ ...end, service, causes });
    if (ends.some(({ kind }) => kind === 'copied')) {
      this.#host.say({ kind: 'synced', service, items, tookMs: performance.now() - heardMs });
    }
    if (ends.some(({ kind }) => kind === 'busy')) void this.#syncWhenCalm(work).catch(this.#host.onThrow);
  }

  /** Not waited for: who changes the project may need long. What runs by then has been seen, and got what it lacked. */
  async #syncWhenCalm(work: WatchWork): Promise<void> {
    const { service } = work;
    const waiting = this.#late.get(service);
    this.#late.set(service, [...(waiting ?? []), ...work.sync]);
    if (waiting !== undefined) return;
    await this.#isCalm();
    await this.exclusively(async () => {
      const sync = [...new Map(this.#late.get(service)?.map((item) => [item.target, item])).values()];
      this.#late.delete(service);
      const { containers } = await this.#host.runtime.observe(this.#watched.project.name);
      const stopped = containers.filter((container) => guestOf(container).running === undefined);
      await this.#sync({ ...work, sync }, { containers: stopped, heardMs: performance.now() });
    });
  }

  /** What a container lacks of what it should have: what was copied, or what could not be. */
  async #complete(guest: Guest, service: ServiceName): Promise<readonly SyncItem[]> {
    const rules = this.#services.find((one) => one.name === service);
    if (rules === undefined) return [];
    const items = new Map<string, SyncItem>();
    for (const item of initialItems(rules)) items.set(item.target, item);
    for (const item of this.#copied.get(service)?.values() ?? []) items.set(item.target, item);
    if (items.size === 0) return [];
    const heardMs = performance.now();
    const end = await this.#guests.complete(guest, [...items.values()]);
    if (end.kind === 'refused') this.#host.say({ ...end, service, causes: [] });
    if (end.kind !== 'copied' || end.items.length === 0) return [];
    const synced = end.items.map(({ target }) => items.get(target) as SyncItem);
    const tookMs = performance.now() - heardMs;
    this.#host.say({ kind: 'synced', service, items: synced, tookMs, newcomer: guest.name });
    return synced;
  }

  async #rebuild(works: readonly WatchWork[], heardMs: number): Promise<void> {
    const services = works.map(({ service }) => service);
    const options: ReconcileOptions = {
      compare: differences,
      services,
      recreate: 'always',
      recreateDependencies: 'never',
    };
    const { desired } = this.#watched;
    const plan: WatchChange['plan'] = (observed, settled) => reconcile(desired, observed, { ...options, settled });
    await this.#letGo(services);
    const done = await this.#host.change({ title: 'rebuild', plan });
    if (done) this.#host.say({ kind: 'rebuilt', services, ...told(works, heardMs) });
  }

  async #restart(works: readonly WatchWork[], heardMs: number): Promise<void> {
    const services = works.map(({ service }) => service);
    const plan = (observed: ObservedState) => planRestart(observed, { services });
    await this.#letGo(services);
    const done = await this.#host.change({ title: 'restart', plan, once: true });
    if (done) this.#host.say({ kind: 'restarted', services, ...told(works, heardMs) });
  }

  /** Two mounts of one writable layer are one too many: ours goes before a container is started again. */
  async #letGo(services: readonly ServiceName[]): Promise<void> {
    const { containers } = await this.#host.runtime.observe(this.#watched.project.name);
    const names = containers.filter(({ service }) => services.includes(service)).map(({ name }) => name);
    await Promise.all(names.map((name) => this.#guests.forget(name)));
  }

  async #execute({ service, exec, causes }: WatchWork, heardMs: number): Promise<void> {
    if (exec.length === 0) return;
    const { containers } = await this.#host.runtime.observe(this.#watched.project.name);
    const running = containers.filter(
      (container) => container.service === service && container.status.kind === 'running',
    );
    for (const { name: container } of running) {
      for (const hook of exec) {
        const outcome = await this.#guests.run(container, hook, this.#end.signal);
        if (!outcome.ok) {
          const { message, notes } = outcome.error;
          this.#host.say({ kind: 'refused', service, message, causes, ...(notes[0] && { hint: notes[0] }) });
          continue;
        }
        const { exitCode, output } = outcome.value;
        const tookMs = performance.now() - heardMs;
        const lines = output.toString().trimEnd().split('\n').slice(-10);
        this.#host.say({ kind: 'executed', container, argv: hook.argv, exitCode, output: lines, causes, tookMs });
      }
    }
  }

  /** What an event asks for in one container; see `attend`. */
  async #attend(name: ContainerName, service: ServiceName | undefined, event: AttendanceEvent): Promise<void> {
    const isWatched = this.#services.some((one) => one.name === service);
    const { state, effects } = attend(this.#attended.get(name) ?? unattended, event, isWatched);
    if (state.kind === 'new') this.#attended.delete(name);
    else this.#attended.set(name, state);
    for (const effect of effects) await this.#carryOut(effect, name, service);
  }

  async #carryOut(effect: AttendanceEffect, name: ContainerName, service: ServiceName | undefined): Promise<void> {
    switch (effect.kind) {
      case 'serve':
        return this.#serve(effect.container);
      case 'ask-when-calm':
        // Not waited for: the turn must not last as long as somebody's command.
        void this.#askWhenCalm(name, service).catch((error: unknown) => this.#host.onThrow(error));
        return;
      case 'tell': {
        const { status } = effect;
        this.#host.say({ kind: 'ended', container: name, status, lastLines: await this.#host.lastLines(name) });
        return;
      }
      case 'leave':
        void this.#guests.forget(name);
        return this.#endIfEmpty();
      default:
        return unreachable(effect);
    }
  }

  /** Brings into a container that is new, or runs again, what it lacks. */
  async #serve(container: ObservedContainer): Promise<void> {
    await this.#guests.greet(container);
    const synced = await this.#complete(guestOf(container), container.service);
    const changes = synced.map(({ source }): Change => ({ path: source, now: 'there' }));
    const works = this.#plan(changes).filter((work) => work.service === container.service && work.restart);
    // It was made by somebody else, and has begun to run with what it was made of.
    if (works.length > 0) await this.#restart(works, performance.now());
  }

  async #askWhenCalm(name: ContainerName, service: ServiceName | undefined): Promise<void> {
    await this.#isCalm();
    const { containers } = await this.#host.runtime.observe(this.#watched.project.name);
    await this.#attend(name, service, { kind: 'calm', container: containers.find((one) => one.name === name) });
  }

  /** What somebody's command does is not over before it is. */
  async #isCalm(): Promise<void> {
    while (this.#host.isChanging() && !this.#end.signal.aborted) await sleep(50);
  }

  /** Whoever removes the last container may be about to make it anew. */
  async #endIfEmpty(): Promise<void> {
    await this.#isCalm();
    const { containers } = await this.#host.runtime.observe(this.#watched.project.name);
    if (containers.length === 0) this.#host.onGone();
  }
}

const told = (
  works: readonly WatchWork[],
  heardMs: number,
): { readonly causes: readonly HostPath[]; readonly tookMs: number } => ({
  causes: [...new Set(works.flatMap(({ causes }) => causes))],
  tookMs: performance.now() - heardMs,
});

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function watchTrouble({ path, code, remedy }: WatchError): { readonly message: string; readonly hint: string } {
  return { message: `cannot watch ${path}: ${code}`, hint: remedy };
}
