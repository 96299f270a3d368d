import { setMaxListeners } from 'node:events';
import { rmSync } from 'node:fs';
import type { ActionKind, ActionOf } from '../../../model/plan.ts';
import type { ObservedState } from '../../../model/state.ts';
import type { ContainerName } from '../../../model/units.ts';
import { err, ok } from '../../../util/result.ts';
import type { Outcome, Session } from '../../runtime.ts';
import { initLives, monitorLives } from '../lives.ts';
import { observeContainer, observeProject, type Seen } from '../observe.ts';
import { observeOneOff } from '../one-off.ts';
import { otherVersionOf } from '../other-version.ts';
import { type ContainerPaths, containerPaths } from '../paths.ts';
import type { ShimState } from '../records.ts';
import { refusalOf } from '../refusal.ts';
import { entries, readRecord, readState, removeIfEmpty } from '../state-dir.ts';
import type { SessionContext } from './context.ts';
import { networkNames } from './networks.ts';
import { Turns } from './turns.ts';

type Performers = {
  readonly [K in ActionKind]: (
    context: SessionContext,
    action: ActionOf<K>,
    signal: AbortSignal,
    onStart: (() => void) | undefined,
  ) => Outcome;
};

/** Each is loaded when it is asked for: a supervisor that was woken starts a container, and does nothing else. */
const performers: Performers = {
  'create-volume': async (context, action) => (await import('./volumes.ts')).makeVolume(context, action),
  'remove-volume': async (context, action) => (await import('./volumes.ts')).dropVolume(context, action),
  'create-network': async (context, action) => (await import('./networks.ts')).createNetwork(context, action),
  'remove-network': async (context, action) => (await import('./networks.ts')).removeNetwork(context, action),
  create: async (context, action, _, onStart) =>
    (await import('./create.ts')).createContainer(context, action, { onStart }),
  start: async (context, action, signal) => (await import('./start.ts')).startContainer(context, action, signal),
  stop: async (context, action, signal) => (await import('./stop.ts')).stopContainer(context, action, signal),
  kill: async (context, action, signal) => (await import('./stop.ts')).killContainer(context, action, signal),
  pause: async (context, action, signal) => (await import('./stop.ts')).pauseContainer(context, action, signal),
  unpause: async (context, action, signal) => (await import('./stop.ts')).pauseContainer(context, action, signal),
  remove: async (context, action) => (await import('./remove.ts')).removeContainer(context, action),
  wait: async (context, action, signal) => (await import('./wait.ts')).waitForContainer(context, action, signal),
  prove: async (context, action, signal) => (await import('./prove.ts')).proveContainer(context, action, signal),
  hook: async (context, action, signal) => (await import('./hooks.ts')).runHook(context, action, signal),
};

export class LinuxSession implements Session {
  readonly #context: SessionContext;
  readonly #turns: Turns;

  constructor(context: SessionContext) {
    this.#context = context;
    this.#turns = new Turns(context);
  }

  async observe(): Promise<ObservedState> {
    const held = await this.#turns.take();
    if (!held.ok && held.error.code !== 'interrupted') this.#context.warn(held.error.message);
    const seen = await repair(this.#context);
    const { paths, project } = this.#context;
    return observeProject(paths, project, seen);
  }

  perform<K extends ActionKind>(action: ActionOf<K>, signal: AbortSignal, onStart?: () => void): Outcome {
    // Every step of a batch listens to the same signal.
    setMaxListeners(0, signal);
    const perform = performers[action.kind] as Performers[K];
    const work = () => perform(this.#context, action, signal, onStart).catch(asFailure);
    return action.kind === 'wait' ? this.#turns.wait(work) : this.#turns.work(work);
  }

  async close(): Promise<void> {
    const held = await this.#turns.take();
    if (held.ok) {
      const settled = await this.#context.network.close();
      if (!settled.ok) this.#context.warn(settled.error.message);
      removeEmptyProject(this.#context);
    }
    await this.#context.release();
  }
}

/** What the kernel has refused; anything else is a bug of ours. */
function asFailure(cause: unknown): Awaited<Outcome> {
  const refusal = refusalOf(cause);
  if (refusal === undefined) throw cause;
  return err(refusal);
}

/**
 * What dead monitors and killed commands left: processes get a monitor again, folders of nothing go. Returns what has been
 * seen of the others, unless so much has been done meanwhile that it may not be true any more.
 */
async function repair(context: SessionContext): Promise<ReadonlyMap<string, Seen>> {
  const { at } = context;
  await context.network.begin();
  const seen = new Map<string, Seen>();
  const names = new Set([...entries(at.containers), ...entries(at.run)]) as Set<ContainerName>;
  const work = [...names].map(async (name) => {
    const where = containerPaths(at, name);
    const record = readRecord(where.record);
    if (record === undefined || record.oneOff === 'hook') {
      return (await import('./destroy.ts')).destroyContainer(context, { name, where });
    }
    if (record.oneOff !== undefined) {
      const { oneOff } = observeOneOff(observeContainer(record, where), record.oneOff, where);
      if (oneOff?.abandoned) {
        return (await import('./remove.ts')).cleanUpOneOff(context, { name, where, remove: oneOff.remove });
      }
    }
    const state = readState(where.stateRecord);
    if (monitorLives(state)) {
      seen.set(name, { record, state });
      return ok(undefined);
    }
    if (!initLives(state)) return ok(undefined);
    // A monitor of ours cannot go on where one of another version was.
    if (otherVersionOf(record, state) !== undefined) return ok(undefined);
    return (await import('./hold.ts')).adoptContainer(context, { record, where });
  });
  for (const [i, outcome] of (await Promise.all(work)).entries()) {
    if (!outcome.ok) context.warn(outcome.error.message, [...names][i] as ContainerName);
  }
  if (seen.size < names.size) seen.clear();
  const touched = await repairNetworks(context, { seen, networks: networkNames(context) });
  return touched ? new Map() : seen;
}

/**
 * The router and the net process are there as long as anything lives that needs them. True: something was missing, or is
 * still because it could not be repaired.
 */
async function repairNetworks(
  context: SessionContext,
  { seen, networks }: { readonly seen: ReadonlyMap<string, Seen>; readonly networks: readonly string[] },
): Promise<boolean> {
  const names = entries(context.at.containers) as ContainerName[];
  const living = names.flatMap((container) => {
    const state = seen.get(container)?.state ?? livingState(containerPaths(context.at, container));
    return state === undefined ? [] : [{ container, monitorPid: state.monitorPid }];
  });
  const repaired = await context.network.repair({ living, known: new Set(names), networks: new Set(networks) });
  if (!repaired.ok) context.warn(repaired.error.message);
  return !repaired.ok || context.network.hasAttached;
}

function livingState({ stateRecord }: ContainerPaths): ShimState | undefined {
  const state = readState(stateRecord);
  return monitorLives(state) ? state : undefined;
}

/** The last command of a project leaves nothing: directories that are empty, then the lock, which we still hold. */
function removeEmptyProject({ at }: SessionContext): void {
  const rest = [at.containers, at.networks, at.run].filter((directory) => !removeIfEmpty(directory));
  if (rest.length > 0) return;
  for (const path of [at.events, `${at.events}.1`, at.files, at.diary]) rmSync(path, { force: true });
  if (removeIfEmpty(at.lib)) {
    for (const path of [at.supervisorLock, at.keeper.lock, at.keeper.socket, at.watchLock, at.watchLog])
      rmSync(path, { force: true });
    rmSync(at.lock, { force: true });
  }
}
