import type { RuntimeFailure } from '../../../model/event.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import { enableControllers } from '../cgroup/prepare.ts';
import { isNetworked } from '../network/record.ts';
import { containerPaths } from '../paths.ts';
import { bootId } from '../proc.ts';
import { frameKind } from '../protocol.ts';
import { containerCgroups, planSandbox, type Sandbox } from '../sandbox.ts';
import { type ContainerRecord, makeDirectory, writeRecord } from '../state-dir.ts';
import { type Known, type SessionContext, updateRecord } from './context.ts';
import { containerFacts } from './facts.ts';
import { boundFiles, recordFile, writeMountedFiles } from './files.ts';

type Planned = {
  readonly sandbox: Sandbox;
  readonly record: ContainerRecord;
  /** The program writes the record. */
  readonly keepsRecord: boolean;
};

/** The setup program of a container as it would be performed now, and the record with what has been decided for it. */
export function planContainer(context: SessionContext, before: ContainerRecord): Result<Planned, RuntimeFailure> {
  const facts = containerFacts(context, before);
  if (!facts.ok) return facts;
  const record = { ...before, cgroups: containerCgroups(before.config, facts.value), bootId: bootId() };
  const where = containerPaths(context.at, record.name);
  const recordFiles = recordFile(record, where);
  const kept = [...recordFiles, ...boundFiles(context, record, where)];
  const sandbox = planSandbox(record.config, { ...facts.value, kept }, record.cgroups);
  return sandbox.ok ? ok({ sandbox: sandbox.value, record, keepsRecord: recordFiles.length > 0 }) : sandbox;
}

export type HoldOptions = {
  /** By preflight, a moment ago: what it has said is not said again. */
  readonly checked?: true;
  /** It is started as soon as it can be. Called when that has begun; the outcome is in `context.starting`. */
  readonly onStart?: (() => void) | undefined;
};

/** A monitor for a container that has none: at its creation, after a boot, or because the last one was killed. */
export async function holdContainer(
  context: SessionContext,
  known: Known,
  { checked, onStart }: HoldOptions = {},
): Promise<Result<void, RuntimeFailure>> {
  const { name, config } = known.record;
  const placed = await placeOnNetworks(context, known.record);
  if (!placed.ok) return placed;
  const planned = planContainer(context, known.record);
  if (!planned.ok) return planned;
  const { sandbox, record, keepsRecord } = planned.value;
  for (const { text, foreseen } of sandbox.warnings) {
    if (!(foreseen && checked)) context.warn(text, name);
  }
  const enabled = enableControllers(context.host().cgroups, record.cgroups.v2?.enable ?? []);
  if (!enabled.ok) return enabled;
  if (!keepsRecord) {
    makeDirectory(known.where.lib, 0o711);
    writeRecord(known.where.record, record);
  }
  const files = writeMountedFiles(record, known.where);
  if (!files.ok) return files;
  const warn = (message: string): void => context.warn(message, name);
  // On a network of another project it must wait for what only we can do, once it is held.
  const waits = isNetworked(config) && !context.network.handOver(name);
  const starts = onStart !== undefined && !waits;
  const kind = starts ? frameKind.START : frameKind.CONTAINER;
  const held = await context.launcher.launch(kind, sandbox.program, { warn });
  if (!held.ok) return held;
  if (held.value.started !== undefined) {
    context.starting.set(name, held.value.started);
    onStart?.();
  }
  return waits ? context.network.attach(name, held.value.monitorPid) : ok(undefined);
}

/** Its addresses, and its ports, which must be had before anything of it is made. */
function placeOnNetworks(context: SessionContext, record: ContainerRecord): Promise<Result<void, RuntimeFailure>> {
  const { name: container, config } = record;
  // Whoever looks up the service means its replicas.
  const service = record.oneOff === undefined ? record.service : container;
  return isNetworked(config) ? context.network.place({ container, service, config }) : Promise.resolve(ok(undefined));
}

/** A monitor for a container that runs without one. Its files are in place; nothing of it is made anew. */
export async function adoptContainer(context: SessionContext, known: Known): Promise<Result<void, RuntimeFailure>> {
  const planned = planContainer(context, known.record);
  if (!planned.ok) return planned;
  updateRecord(known, { bootId: bootId() });
  const warn = (message: string): void => context.warn(message, known.record.name);
  const held = await context.launcher.launch(frameKind.ADOPT, planned.value.sandbox.program, { warn });
  return held.ok ? ok(undefined) : err(held.error);
}
