import type { RuntimeFailure } from '../../../model/event.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import { enableControllers } from '../cgroup/prepare.ts';
import { isNetworked } from '../network/record.ts';
import { bootId } from '../proc.ts';
import { frameKind } from '../protocol.ts';
import { planSandbox, type Sandbox } from '../sandbox.ts';
import type { ContainerRecord } from '../state-dir.ts';
import { makeDirectory, writeRecord } from '../state-dir.ts';
import { type Known, type SessionContext, updateRecord } from './context.ts';
import { containerFacts, type Described } from './facts.ts';
import { writeBoundFiles } from './files.ts';

/** The setup program of a container as it would be performed now. */
export function planContainer(context: SessionContext, record: Described): Result<Sandbox, RuntimeFailure> {
  const facts = containerFacts(context, record);
  return facts.ok ? planSandbox(record.config, facts.value) : facts;
}

/** A monitor for a container that has none: at its creation, after a boot, or because the last one was killed. */
export async function holdContainer(
  context: SessionContext,
  known: Known,
  { checked }: { /** By preflight, a moment ago: what it has said is not said again. */ readonly checked?: true } = {},
): Promise<Result<void, RuntimeFailure>> {
  const { where } = known;
  const sandbox = planContainer(context, known.record);
  if (!sandbox.ok) return sandbox;
  for (const { text, foreseen } of sandbox.value.warnings) {
    if (!(foreseen && checked)) context.warn(text, known.record.name);
  }
  const record = { ...known.record, cgroups: sandbox.value.cgroups, bootId: bootId() };
  const enabled = enableControllers(context.host().cgroups, record.cgroups.v2?.enable ?? []);
  if (!enabled.ok) return enabled;
  for (const directory of [where.upper, where.work, where.log]) makeDirectory(directory, 0o755);
  const placed = await placeOnNetworks(context, record);
  if (!placed.ok) return placed;
  const files = writeBoundFiles(context, record, where);
  if (!files.ok) return files;
  // The record before the deed: whatever a killed command leaves behind must have a name under which it is found.
  writeRecord(where.record, record);
  const warn = (message: string): void => context.warn(message, record.name);
  const held = await context.launcher.launch(frameKind.CONTAINER, sandbox.value.program, { warn });
  if (!held.ok) return held;
  return isNetworked(record.config) ? context.network.attach(record.name, held.value.monitorPid) : ok(undefined);
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
  const sandbox = planContainer(context, known.record);
  if (!sandbox.ok) return sandbox;
  updateRecord(known, { bootId: bootId() });
  const warn = (message: string): void => context.warn(message, known.record.name);
  const held = await context.launcher.launch(frameKind.ADOPT, sandbox.value.program, { warn });
  return held.ok ? ok(undefined) : err(held.error);
}
