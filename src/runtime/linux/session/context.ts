import type { RuntimeFailure } from '../../../model/event.ts';
import type { ContainerName, ProjectName } from '../../../model/units.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import type { Warn } from '../../runtime.ts';
import { type HostFacts, readHostFacts } from '../host-facts.ts';
import type { Launcher } from '../launch.ts';
import { monitorLives } from '../lives.ts';
import type { LazyNetworking } from '../network/lazy.ts';
import type { LinuxRuntimeOptions } from '../options.ts';
import { type ContainerPaths, containerPaths, type Paths, type ProjectPaths } from '../paths.ts';
import { isStopped } from '../proc.ts';
import type { ShimState } from '../records.ts';
import { type ContainerRecord, readRecord, writeRecord } from '../state-dir.ts';

/** What the actions of one session share. */
export type SessionContext = {
  readonly paths: Paths;
  readonly at: ProjectPaths;
  readonly project: ProjectName;
  readonly launcher: Launcher;
  /** Gives the lock back, for good. */
  readonly release: () => Promise<void>;
  /** Waits until the project is ours again. */
  readonly relock: () => Promise<Result<void, RuntimeFailure>>;
  readonly network: LazyNetworking;
  readonly options: LinuxRuntimeOptions;
  readonly warn: Warn;
  /** Of containers that were made and started in one go: how the start ends. */
  readonly starting: Map<ContainerName, Promise<Result<void, RuntimeFailure>>>;
  /** Read at the first use: a session that only stops things never needs it. */
  readonly host: () => HostFacts;
};

export function lazyHostFacts(): () => HostFacts {
  let facts: HostFacts | undefined;
  return () => {
    facts ??= readHostFacts();
    return facts;
  };
}

export type Known = { readonly record: ContainerRecord; readonly where: ContainerPaths };

export function findContainer(context: Pick<SessionContext, 'at'>, name: ContainerName): Result<Known, RuntimeFailure> {
  const where = containerPaths(context.at, name);
  const record = readRecord(where.record);
  if (record !== undefined) return ok({ record, where });
  const message = `cannot find the container ${name}: it was removed, or never made`;
  return err({ code: 'no-such-container', message, notes: [] });
}

/** Rewrites the record only when something in it changes, and never one of another version. */
export function updateRecord(known: Known, changes: Partial<ContainerRecord>): ContainerRecord {
  const { record, where } = known;
  if (record.otherVersion !== undefined) return record;
  const same = (Object.keys(changes) as (keyof ContainerRecord)[]).every((key) => record[key] === changes[key]);
  if (same) return record;
  const next = { ...record, ...changes };
  writeRecord(where.record, next);
  return next;
}

/** `monitorLives`, for those who are about to ask it something: one that was stopped would never answer, and goes on. */
export function monitorAnswers(state: ShimState | undefined): state is ShimState {
  if (!monitorLives(state)) return false;
  if (isStopped(state.monitorPid)) wake(state.monitorPid);
  return true;
}

function wake(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch {
    // It has ended in between: the request that follows finds out.
  }
}
