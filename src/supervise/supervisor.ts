import type { ObservedContainer, ObservedState } from '../model/state.ts';
import type { ContainerName, ProjectName } from '../model/units.ts';
import { laggards } from '../plan/lagging.ts';
import type { Runtime, Watching } from '../runtime/runtime.ts';
import { Charge } from './charge.ts';
import type { Clock } from './clock.ts';
import type { EventLog } from './event-log.ts';
import { type Recording, recordSteps } from './history.ts';
import type { LogLine } from './log-entry.ts';
import { Work } from './work.ts';

export type SupervisorOptions = {
  readonly project: ProjectName;
  readonly runtime: Runtime & Watching;
  readonly log: EventLog;
  readonly clock: Clock;
  readonly lifeOf: Recording['lifeOf'];
  /** What does not go as it should, once for each thing. */
  readonly warn: (message: string) => void;
  /** false: the project was taken down and made anew meanwhile, and somebody else supervises it. */
  readonly isOurs: () => boolean;
};

/**
 * The loop: it hears of every change, lets the reducers decide, and is over as soon as nothing needs time any more. It
 * keeps nothing that a successor could not find out again, so that it may be killed at any moment.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #charges = new Map<ContainerName, Charge>();
  readonly #over = new AbortController();
  readonly #work: Work;
  #past: Map<ContainerName, LogLine[]> | undefined;
  #looked = false;
  #cancelRepair: (() => void) | undefined;
  readonly #warned = new Set<string>();

  constructor(options: SupervisorOptions) {
    const { project, runtime, log, clock } = options;
    this.#options = options;
    this.#work = new Work({
      project,
      runtime,
      now: clock.now,
      signal: this.#over.signal,
      onEvent: recordSteps(log, { by: 'supervise', lifeOf: options.lifeOf }),
      warn: (message, container) => this.#warn(container === undefined ? message : `${container}: ${message}`),
      onDone: () => this.#leaveIfIdle(),
    });
  }

  /** Until nothing needs time. */
  async run(): Promise<void> {
    const { project, runtime } = this.#options;
    await runtime.watch(project, {
      signal: this.#over.signal,
      supervise: true,
      onLooked: () => {
        this.#looked = true;
        this.#past = undefined;
        const seen = [...this.#charges.values()].map(({ last }) => last);
        if (laggards(seen, this.#options.clock.now()).length > 0) this.#work.catchUp();
        this.#leaveIfIdle();
      },
      onChange: (container) => this.#see(container),
      onGone: (name) => this.#lose(name),
    });
    this.#cancelRepair?.();
    for (const charge of this.#charges.values()) charge.close();
  }

  /** Whether `observed` is what was last seen: then nothing has happened that nobody has dealt with. */
  knows({ containers }: ObservedState): boolean {
    return containers.every((container) => {
      const last = this.#charges.get(container.name)?.last;
      return last !== undefined && sameMoment(last, container);
    });
  }

  #see(container: ObservedContainer): void {
    const { project, runtime, clock, log, isOurs } = this.#options;
    const charge = this.#charges.get(container.name);
    if (charge !== undefined) charge.see(container);
    else if (!isOurs()) this.#over.abort();
    else {
      const surroundings = { project, runtime, clock, log, work: this.#work, onCalm: () => this.#leaveIfIdle() };
      this.#charges.set(container.name, new Charge(container, this.#pastOf(container.name), surroundings));
    }
    if (isUnattended(container)) this.#repair(firstRepairMs);
    else if (!this.#hasUnattended()) this.#endRepair();
    this.#leaveIfIdle();
  }

  /** Again until all have a monitor: what kept one from coming (a full process table, memory) may pass. */
  #repair(againMs: number): void {
    const { clock } = this.#options;
    this.#endRepair();
    this.#work.repair();
    this.#cancelRepair = clock.at(clock.now() + againMs, () => {
      this.#cancelRepair = undefined;
      if (this.#hasUnattended()) this.#repair(Math.min(againMs * 2, longestRepairMs));
      else this.#leaveIfIdle();
    });
  }

  #endRepair(): void {
    this.#cancelRepair?.();
    this.#cancelRepair = undefined;
  }

  #hasUnattended(): boolean {
    return [...this.#charges.values()].some(({ last }) => isUnattended(last));
  }

  #warn(message: string): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    this.#options.warn(message);
  }

  #lose(name: ContainerName): void {
    this.#charges.get(name)?.gone();
    this.#charges.delete(name);
    this.#leaveIfIdle();
  }

  #leaveIfIdle(): void {
    if (!this.#looked || this.#work.isBusy || this.#cancelRepair !== undefined) return;
    if ([...this.#charges.values()].some((charge) => charge.needsTime)) return;
    this.#over.abort();
  }

  /** Read at the first look only: what comes later has no past. */
  #pastOf(name: ContainerName): readonly LogLine[] {
    if (this.#looked) return [];
    this.#past ??= grouped(this.#options.log.read());
    return this.#past.get(name) ?? [];
  }
}

/** A new monitor is seen half a second after it has come at the latest. */
const firstRepairMs = 1000;
const longestRepairMs = 30_000;

const isUnattended = (container: ObservedContainer): boolean => !container.monitored && isAlive(container);

const isAlive = ({ status }: ObservedContainer): boolean => status.kind === 'running' || status.kind === 'paused';

function grouped(lines: readonly LogLine[]): Map<ContainerName, LogLine[]> {
  const groups = new Map<ContainerName, LogLine[]>();
  for (const line of lines) {
    const group = groups.get(line.container);
    if (group === undefined) groups.set(line.container, [line]);
    else group.push(line);
  }
  return groups;
}

function sameMoment(a: ObservedContainer, b: ObservedContainer): boolean {
  if (a.status.kind !== b.status.kind || momentOf(a) !== momentOf(b)) return false;
  // Who has ended needs no monitor before it is started again.
  return a.monitored === b.monitored || !isAlive(a);
}

/** When the present state began. */
function momentOf({ status, createdAtMs }: ObservedContainer): number {
  if ('finishedAtMs' in status) return status.finishedAtMs;
  return 'startedAtMs' in status ? status.startedAtMs : createdAtMs;
}
