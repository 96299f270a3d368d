import { existsSync } from 'node:fs';
import type { RuntimeFailure } from '../../../model/event.ts';
import type { ActionOf } from '../../../model/plan.ts';
import type { ContainerConfig } from '../../../model/project.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import { containerPaths } from '../paths.ts';
import { bootId, startTime } from '../proc.ts';
import { type PreparedRootfs, prepareRootfs } from '../rootfs/prepare.ts';
import { resolveUser } from '../rootfs/users.ts';
import { type ContainerRecord, readRecord } from '../state-dir.ts';
import type { SessionContext } from './context.ts';
import { destroyContainer } from './destroy.ts';
import { holdContainer } from './hold.ts';
import { type MountedVolumes, makeBindSources, mountedVolumes } from './volumes.ts';

export type CreateOptions = {
  /** No container of the project, but one that runs a hook for it. */
  readonly oneOff?: 'hook';
  /** Use the very volumes of this one, anonymous ones included. */
  readonly volumesOf?: ContainerRecord;
  /** As in `HoldOptions`. */
  readonly onStart?: (() => void) | undefined;
};

/** Makes everything of a container but its process: record, directories, cgroups, network namespace, monitor. */
export async function createContainer(
  context: SessionContext,
  action: ActionOf<'create'>,
  options: CreateOptions = {},
): Promise<Result<void, RuntimeFailure>> {
  const { container, replaces } = action;
  const where = containerPaths(context.at, container.name);
  const former = replaces === undefined ? undefined : readRecord(containerPaths(context.at, replaces).record);
  // A command that was killed may have left half of it; the plan says that there is none.
  if (existsSync(where.lib) || existsSync(where.state)) {
    const leftover = await destroyContainer(context, { name: container.name, where });
    if (!leftover.ok) return leftover;
  }

  const made = await describe(context, action, { ...options, ...(former === undefined ? {} : { former }) });
  if (!made.ok) return made;
  const held = await holdContainer(context, { record: made.value, where }, { checked: true, onStart: options.onStart });
  if (held.ok) return ok(undefined);
  await destroyContainer(context, { name: container.name, where });
  return held;
}

/** The record of a container that is about to be made. */
async function describe(
  context: SessionContext,
  { container, oneOff: wish }: ActionOf<'create'>,
  options: CreateOptions & { readonly former?: ContainerRecord },
): Promise<Result<ContainerRecord, RuntimeFailure>> {
  const { name, service, number, config, dependsOn } = container;
  const rootfs = await prepareRootfs(config.rootfs, context.paths.store);
  if (!rootfs.ok) return err({ configPath: 'rootfs', ...rootfs.error });
  const user = userIn(rootfs.value, config);
  if (!user.ok) return err({ configPath: 'user', ...user.error });
  const { volumesOf, former } = options;
  const oneOff = options.oneOff ?? (wish && { ...wish, owner: ourselves() });
  const volumes: Result<MountedVolumes, RuntimeFailure> =
    volumesOf === undefined
      ? mountedVolumes(context, { config, name, lowers: rootfs.value.lowers, former })
      : ok({ volumes: volumesOf.volumes, anonymous: [] });
  if (!volumes.ok) return volumes;
  const sources = makeBindSources(config);
  if (!sources.ok) return sources;
  return ok({
    version: 1,
    name,
    service,
    number,
    config,
    fingerprintVersion: context.options.fingerprintVersion ?? 1,
    dependsOn,
    createdAtMs: Date.now(),
    bootId: bootId(),
    lowers: rootfs.value.lowers,
    user: user.value,
    ...volumes.value,
    cgroups: { v1: [] },
    stoppedByUser: false,
    restarts: 0,
    ...(oneOff ? { oneOff } : {}),
  });
}

/** By key: what has one never changes its contents but for a directory of the user's. */
const users = new Map<string, ReturnType<typeof resolveUser>>();

function userIn(
  { lowers, key }: PreparedRootfs,
  { rootfs, user, groupAdd }: ContainerConfig,
): ReturnType<typeof resolveUser> {
  if (rootfs.kind === 'directory') return resolveUser(lowers, user, groupAdd);
  const wanted = JSON.stringify([key, user, groupAdd]);
  const resolved = users.get(wanted) ?? resolveUser(lowers, user, groupAdd);
  users.set(wanted, resolved);
  return resolved;
}

const ourselves = () => ({ pid: process.pid, start: String(startTime(process.pid) ?? 0n), bootId: bootId() });
