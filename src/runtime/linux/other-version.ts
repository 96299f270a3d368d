import { constants } from 'node:os';
import type { RuntimeFailure } from '../../model/event.ts';
import type { ContainerConfig, Dependency, NetworkAttachment } from '../../model/project.ts';
import type { OneOff } from '../../model/state.ts';
import type { ContainerName, HostPath, Millis, ServiceName, SignalName } from '../../model/units.ts';
import type { CgroupLayout } from './cgroup/layout.ts';
import { abi, offset, stateMagic, statePhase } from './protocol.ts';
import { decodeHead, hashWords, type ShimState } from './records.ts';
import type { ResolvedUser } from './sandbox/facts.ts';

/**
 * What every version finds in the `state` of any other, so that it can show a container and end it: the file is two slots
 * of the same size, a slot ends with its checksum, and up to `finished_ns` fields lie where they lie today. The rest is not
 * known: a command whose process is gone has ended in an unknown way.
 */
export function otherState(file: Buffer): ShimState | undefined {
  const size = file.length / 2;
  if (size % 4 !== 0 || size < offset.state.started_boot_ns + 4) return undefined;
  const slots = [file.subarray(0, size), file.subarray(size)].flatMap((slot) => otherSlot(slot) ?? []);
  return slots.sort((a, b) => (a.sequence > b.sequence ? -1 : 1))[0];
}

function otherSlot(slot: Buffer): ShimState | undefined {
  const at = offset.state;
  const otherAbi = slot.readUInt32LE(at.abi);
  const checksum = slot.length - 4;
  if (slot.readUInt32LE(at.magic) !== stateMagic || otherAbi === abi) return undefined;
  if (slot.readUInt32LE(checksum) !== hashWords(slot, checksum)) return undefined;
  const head = decodeHead(slot);
  return {
    otherAbi,
    ...head,
    phase: head.startedMs === 0 ? statePhase.HELD : statePhase.RUNNING,
    ...unknown,
  };
}

const unknown = {
  ...{ starts: 0, adoptions: 0, droppedBytes: 0n },
  ...{ waitStatus: 0, exitKnown: false, oomKilled: false, stopRequested: false, tty: false },
  ...{ failPhase: 0, failKind: 0, failOp: 0, failError: 0, failText: '' },
} as const;

/**
 * The part of a record.json that no version may change: `version`, `name`, `service`, `number`, `createdAtMs`, `bootId`,
 * `cgroups`, `lowers`, `anonymous` and `oneOff`; and of its config what ends it. undefined when that is not there.
 */
export function otherRecord(record: { readonly [key: string]: unknown }) {
  const { version, name, service, number, createdAtMs, bootId, cgroups, lowers, anonymous } = record;
  if (typeof version !== 'number' || typeof name !== 'string' || typeof service !== 'string') return undefined;
  if (typeof number !== 'number' || !isObject(cgroups) || !Array.isArray(cgroups['v1'])) return undefined;
  return {
    version: 1 as const,
    otherVersion: version,
    name: name as ContainerName,
    service: service as ServiceName,
    number,
    config: otherConfig(isObject(record['config']) ? record['config'] : {}),
    fingerprintVersion: 0,
    dependsOn: [] as readonly Dependency[],
    createdAtMs: typeof createdAtMs === 'number' ? createdAtMs : 0,
    bootId: String(bootId),
    lowers: (Array.isArray(lowers) ? lowers : []) as HostPath[],
    user: { uid: 0, gid: 0, groups: [], home: '/' } as ResolvedUser,
    volumes: [] as const,
    anonymous: (Array.isArray(anonymous) ? anonymous : []) as [number, string][],
    cgroups: cgroups as CgroupLayout,
    stoppedByUser: record['stoppedByUser'] === true,
    restarts: 0,
    ...(record['oneOff'] !== undefined && { oneOff: otherOneOff(record['oneOff']) }),
  };
}

/** One that is not understood is no replica all the same, and nobody but the user takes it away. */
function otherOneOff(oneOff: unknown) {
  if (oneOff === 'hook') return 'hook' as const;
  const { mode, remove, owner } = isObject(oneOff) ? oneOff : {};
  const { pid, start, bootId } = isObject(owner) ? owner : {};
  const isOwned = typeof pid === 'number' && typeof start === 'string' && /^\d+$/.test(start);
  if (!isMode(mode) || typeof remove !== 'boolean' || !isOwned) {
    return { mode: 'detached' as const, remove: false, owner: { pid: 0, start: '0', bootId: '' } };
  }
  return { mode, remove, owner: { pid, start, bootId: String(bootId) } };
}

const isMode = (value: unknown): value is OneOff['mode'] => value === 'attached' || value === 'detached';

const isObject = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string');

/** Nothing is ever made from it. */
function otherConfig(config: { readonly [key: string]: unknown }): ContainerConfig {
  const { argv, stopSignal, stopGraceMs, networks } = config;
  const known = typeof stopSignal === 'string' && stopSignal in constants.signals;
  const attached = (Array.isArray(networks) ? networks : []).filter((each) => typeof each?.network === 'string');
  return {
    rootfs: { kind: 'host', programs: [] },
    argv: isTexts(argv) ? argv : ['?'],
    ...{ environment: {}, sysctls: {}, labels: {}, annotations: {} },
    ...{ groupAdd: [], mounts: [], ulimits: [], devices: [], deviceCgroupRules: [], capAdd: [], capDrop: [] },
    ...{ ports: [], extraHosts: [], dns: [], dnsSearch: [], dnsOptions: [] },
    ...{ readOnly: false, init: true, tty: false, stdinOpen: false, privileged: false, noNewPrivileges: false },
    shmSizeBytes: 0 as ContainerConfig['shmSizeBytes'],
    resources: { oomKillDisable: false, blkio: [] },
    stopSignal: (known ? stopSignal : 'SIGTERM') as SignalName,
    stopGraceMs: (typeof stopGraceMs === 'number' ? stopGraceMs : 10_000) as Millis,
    seccomp: 'default',
    maskPaths: true,
    networkMode: { kind: 'networks' },
    networks: attached as NetworkAttachment[],
    logging: { driver: 'file', maxSizeBytes: 0 as ContainerConfig['shmSizeBytes'], maxFiles: 1 },
    restart: { condition: 'no' },
    hooks: { preStart: [], postStart: [], preStop: [], postStop: [] },
  };
}

/** Which other version a container is of: `record 2`, `state 3`; undefined: it is of ours. */
export function otherVersionOf(
  record: { readonly otherVersion?: number },
  state: ShimState | undefined,
): string | undefined {
  if (record.otherVersion !== undefined) return `record ${record.otherVersion}`;
  return state?.otherAbi === undefined ? undefined : `state ${state.otherAbi}`;
}

/** `what` follows "cannot". */
export const refuseOther = (what: string, version: string): RuntimeFailure => ({
  code: 'other-version',
  message: `cannot ${what}: it was made by another version of tscompose (${version})`,
  notes: ['tscompose up makes it anew, tscompose down takes it away'],
});
