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
import { entries, readRecord, readState } from '../state-dir.ts';
import type { SessionContext } from './context.ts';
import { createContainer } from './create.ts';
import { destroyContainer, tryRemove } from './destroy.ts';
import { adoptContainer } from './hold.ts';
import { runHook } from './hooks.ts';
import { createNetwork, networkNames, removeNetwork } from './networks.ts';
import { proveContainer } from './prove.ts';
import { cleanUpOneOff, removeContainer } from './remove.ts';
import { startContainer } from './start.ts';
import { killContainer, pauseContainer, stopContainer } from './stop.ts';
import { Turns } from './turns.ts';
import { dropVolume, makeVolume } from './volumes.ts';
import { waitForContainer } from './wait.ts';

type Performers = {
  readonly [K in ActionKind]: (
    context: SessionContext,
    action: ActionOf<K>,
    signal: AbortSignal,
    onStart: (() => void) | undefined,
  ) => Outcome;
};

const performers: Performers = {
  'create-volume': async (context, action) => makeVolume(context, action),
  'remove-volume': async (context, action) => dropVolume(context, action),
  'create-network': (context, action) => createNetwork(context, action),
  'remove-network': (context, action) => removeNetwork(context, action),
  create: (context, action, _, onStart) => createContainer(context, action, { onStart }),
  start: startContainer,
  stop: stopContainer,
  kill: killContainer,
  pause: pauseContainer,
  unpause: pauseContainer,
  remove: removeContainer,
  wait: waitForContainer,
  prove: proveContainer,
  hook: runHook,
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
  const seen = new Map<string, Seen>();
  const names = new Set([...entries(at.containers), ...entries(at.run)]) as Set<ContainerName>;
  const work = [...names].map(async (name) => {
    const where = containerPaths(at, name);
    const record = readRecord(where.record);
    if (record === undefined || record.oneOff === 'hook') return destroyContainer(context, { name, where });
    if (record.oneOff !== undefined) {
      const { oneOff } = observeOneOff(observeContainer(record, where), record.oneOff, where);
      if (oneOff?.abandoned) return cleanUpOneOff(context, { name, where, remove: oneOff.remove });
    }
    const state = readState(where.stateRecord);
    if (monitorLives(state)) {
      seen.set(name, { record, state });
      return ok(undefined);
    }
    if (!initLives(state)) return ok(undefined);
    // A monitor of ours cannot go on where one of another version was.
    if (otherVersionOf(record, state) !== undefined) return ok(undefined);
    return adoptContainer(context, { record, where });
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
  const rest = [at.containers, at.networks, at.run].filter((directory) => !tryRemove(directory));
  if (rest.length > 0) return;
  for (const path of [at.events, `${at.events}.1`, at.files, at.diary]) rmSync(path, { force: true });
  if (tryRemove(at.lib)) {
    for (const path of [at.supervisorLock, at.keeper.lock, at.keeper.socket, at.watchLock, at.watchLog])
      rmSync(path, { force: true });
    rmSync(at.lock, { force: true });
  }
}
