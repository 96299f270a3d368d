import { readFileSync } from 'node:fs';
import { hasHealth } from '../../model/health.ts';
import type { Network } from '../../model/project.ts';
import type { ContainerStatus, ExitedStatus, ObservedContainer, ObservedState } from '../../model/state.ts';
import type { ContainerName, ProjectName } from '../../model/units.ts';
import { pauseSync } from '../timer.ts';
import { readGivenUp } from './given-up.ts';
import { readHealth } from './health.ts';
import { readHooksLeft } from './hooks-run.ts';
import { isOfThisBoot, type Lives, livesOf } from './lives.ts';
import { boundPorts } from './network/record.ts';
import { observeOneOff } from './one-off.ts';
import { otherVersionOf } from './other-version.ts';
import { type ContainerPaths, containerPaths, type Paths, projectPaths } from './paths.ts';
import { bootId } from './proc.ts';
import { statePhase } from './protocol.ts';
import type { ShimState } from './records.ts';
import { signalName } from './signals.ts';
import { type ContainerRecord, entries, readExit, readRecord, readState } from './state-dir.ts';
import { failedStatus } from './status-text.ts';
import { listVolumes } from './volumes.ts';

/** What has been read of a container whose monitor lives. */
export type Seen = { readonly record: ContainerRecord; readonly state: ShimState };

/** Reads records and states: a few small files a container, nothing that can block, no lock. `seen` is not read again. */
export function observeProject(
  paths: Paths,
  project: ProjectName,
  seen: ReadonlyMap<string, Seen> = new Map(),
): ObservedState {
  const at = projectPaths(paths, project);
  const containers: ObservedContainer[] = [];
  const oneOffs: ObservedContainer[] = [];
  const bound = boundPorts(at);
  for (const name of entries(at.containers)) {
    const where = containerPaths(at, name as ContainerName);
    const known = seen.get(name);
    const record = known?.record ?? readRecord(where.record);
    if (record === undefined || record.oneOff === 'hook') continue;
    const ports = bound.get(name);
    const bare = observeContainer(record, where, known?.state);
    const observed = ports === undefined ? bare : { ...bare, ports };
    if (record.oneOff === undefined) containers.push(observed);
    else oneOffs.push(observeOneOff(observed, record.oneOff, where));
  }
  const networks = entries(at.networks)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(`${at.networks}/${name}`, 'utf8')) as Network)
    .map((network) => ({ name: network.name, network }));
  const names = new Set<string>([...containers, ...oneOffs].map(({ name }) => name));
  const volumes = listVolumes(paths.volumes, project).flatMap(({ name, key, container = '' }) =>
    key === undefined && names.has(container) ? [] : [{ name, key: key ?? '' }],
  );
  return { project, containers, ...(oneOffs.length > 0 && { oneOffs }), volumes, networks };
}

/**
 * The replicas of a service by the names they usually have, without looking at anything else. None: they may have others
 * (`container_name`).
 */
export function observeReplicas(paths: Paths, project: ProjectName, service: string): ObservedContainer[] {
  const at = projectPaths(paths, project);
  const usual = `${project}-${service}-`;
  return entries(at.containers).flatMap((name) => {
    if (!name.startsWith(usual) || !/^\d+$/.test(name.slice(usual.length))) return [];
    const where = containerPaths(at, name as ContainerName);
    const record = readRecord(where.record);
    const isReplica = record?.service === service && record.oneOff === undefined;
    return isReplica ? [observeContainer(record, where)] : [];
  });
}

/** `told` is what its monitor has just said; absent: what it has written down. */
export function observeContainer(
  record: ContainerRecord,
  where: Pick<ContainerPaths, 'state' | 'stateRecord' | 'hooks'>,
  told?: ShimState,
): ObservedContainer {
  const { name, service, number, config, fingerprintVersion, dependsOn, createdAtMs, stoppedByUser, restarts } = record;
  let state = told ?? readState(where.stateRecord);
  let lives = livesOf(state);
  let status = statusOf(record, state, { ...where, lives });
  for (let waitedMs = 0; status === 'changing'; waitedMs += 1) {
    // Its process has just ended and the monitor is about to say so, or has done so since we read.
    state = readState(where.stateRecord);
    lives = livesOf(state);
    status = statusOf(record, state, { ...where, lives });
    if (status !== 'changing') break;
    // Init may have left word of the end, but neither of a want of memory nor of output that is still to be read.
    if (waitedMs === longestMs) status = lastWitness(state as ShimState, where.state);
    else pauseSync(1);
  }
  const otherVersion = otherVersionOf(record, state);
  const givenUp = readGivenUp(where.state, { status, config });
  const hooksLeft = readHooksLeft(where.hooks, { status, hooks: config.hooks });
  return {
    name,
    service,
    number,
    config,
    fingerprintVersion,
    dependsOn,
    createdAtMs,
    status,
    monitored: lives.monitor,
    ...(otherVersion !== undefined && { otherVersion }),
    ...(record.otherVersion !== undefined && { startable: false as const }),
    stoppedByUser,
    restarts,
    ...(givenUp !== undefined && { givenUp }),
    ...(hooksLeft !== undefined && { hooksLeft }),
  };
}

/** A monitor that takes longer is stopped. */
const longestMs = 100;

function statusOf(
  record: ContainerRecord,
  state: ShimState | undefined,
  { state: stateDir, lives }: Pick<ContainerPaths, 'state'> & { readonly lives: Lives },
): ContainerStatus | 'changing' {
  if (state === undefined) return withoutState(record);
  if (!isOfThisBoot(state)) return sinceBoot(state);
  switch (state.phase) {
    case statePhase.RUNNING:
    case statePhase.STOPPING:
    case statePhase.PAUSED:
      break;
    case statePhase.EXITED:
      return ofRecord(state);
    case statePhase.FAILED:
      return failedStatus(state);
    case statePhase.STARTING:
      // What was being set up dies with its monitor.
      if (!lives.monitor) return lastWitness(state, stateDir);
      return state.starts > 1 ? { kind: 'created', again: true } : { kind: 'created' };
    default:
      return { kind: 'created' };
  }
  if (!lives.init) return lives.monitor ? 'changing' : lastWitness(state, stateDir);
  const { initPid: pid, startedMs: startedAtMs } = state;
  if (state.phase === statePhase.PAUSED) return { kind: 'paused', pid, startedAtMs };
  if (!hasHealth(record.config)) return { kind: 'running', pid, startedAtMs };
  return { kind: 'running', pid, startedAtMs, health: readHealth(stateDir, startedAtMs)?.health ?? 'starting' };
}

/** Made in this boot, it was cut off before its monitor held it. An older state was torn when the machine went down. */
function withoutState(record: ContainerRecord): ContainerStatus {
  if (record.bootId === bootId()) return { kind: 'created' };
  return { kind: 'exited', exitCode: null, oomKilled: false, reboot: true, startedAtMs: 0, finishedAtMs: 0 };
}

/** What has not ended by itself before the machine went down has ended with it. */
function sinceBoot(state: ShimState): ContainerStatus {
  switch (state.phase) {
    case statePhase.HELD:
      return { kind: 'created' };
    case statePhase.EXITED:
      return ofRecord(state);
    case statePhase.FAILED:
      return failedStatus(state);
    default:
      return { ...exited(state, { waitStatus: null, finishedAtMs: 0 }), reboot: true };
  }
}

const ofRecord = (state: ShimState): ExitedStatus =>
  exited(state, { waitStatus: state.exitKnown ? state.waitStatus : null, finishedAtMs: state.finishedMs });

/** No monitor saw the end: what the tiny init wrote is taken if it is of this life of the container. */
function lastWitness(state: ShimState, stateDir: string): ExitedStatus {
  const exit = readExit(stateDir);
  if (exit === undefined || exit.start !== state.starts) {
    return exited(state, { waitStatus: null, finishedAtMs: state.finishedMs });
  }
  return exited(state, { waitStatus: exit.waitStatus, finishedAtMs: exit.finishedMs });
}

function exited(
  state: ShimState,
  end: { readonly waitStatus: number | null; readonly finishedAtMs: number },
): ExitedStatus {
  const base = {
    kind: 'exited',
    oomKilled: state.oomKilled,
    ...(state.stopRequested ? { requested: true as const } : {}),
    startedAtMs: state.startedMs,
    // Nobody saw when it was: not before this life began, whatever the end of an earlier one says.
    finishedAtMs: Math.max(end.finishedAtMs, state.startedMs),
  } as const;
  if (end.waitStatus === null) return { ...base, exitCode: null };
  const { exitCode, signal } = decodeWaitStatus(end.waitStatus);
  return signal === undefined ? { ...base, exitCode } : { ...base, exitCode, signal };
}

/** wait(2): the low seven bits are the signal that killed it, the second byte is the exit code. */
export function decodeWaitStatus(status: number): { readonly exitCode: number; readonly signal?: string } {
  const signal = status & 0x7f;
  if (signal === 0) return { exitCode: (status >> 8) & 0xff };
  return { exitCode: 128 + signal, signal: signalName(signal) };
}
