import type { ContainerConfig } from '../../model/project.ts';

/** linux/capability.h, by bit. */
export const capabilityNames = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_PACCT',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'SYSLOG',
  'WAKE_ALARM',
  'BLOCK_SUSPEND',
  'AUDIT_READ',
  'PERFMON',
  'BPF',
  'CHECKPOINT_RESTORE',
] as const;

export type CapabilityName = (typeof capabilityNames)[number];

/** What Docker gives a container that asks for nothing. */
export const defaultCapabilities: readonly CapabilityName[] = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FSETID',
  'FOWNER',
  'MKNOD',
  'NET_RAW',
  'SETGID',
  'SETUID',
  'SETFCAP',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'SYS_CHROOT',
  'KILL',
  'AUDIT_WRITE',
];

const bitOf = new Map<string, bigint>(capabilityNames.map((name, bit) => [name, 1n << BigInt(bit)]));
const all = (1n << BigInt(capabilityNames.length)) - 1n;

export function capabilityMask(names: Iterable<string>): bigint {
  let mask = 0n;
  for (const name of names) mask |= name === 'ALL' ? all : (bitOf.get(name) ?? 0n);
  return mask;
}

export function capabilitiesIn(mask: bigint): CapabilityName[] {
  return capabilityNames.filter((_, bit) => (mask >> BigInt(bit)) & 1n);
}

export type Granted = {
  readonly mask: bigint;
  /** Asked for, but not ours to give. */
  readonly missing: readonly CapabilityName[];
};

/**
 * The capabilities of a container, with Docker's arithmetic: `cap_add: ALL` starts from everything, `cap_drop: ALL` from
 * nothing, and what is added by name wins over `cap_drop: ALL`. `available` is our own bounding set.
 */
export function grantCapabilities(
  config: Pick<ContainerConfig, 'capAdd' | 'capDrop' | 'privileged'>,
  available: bigint,
): Granted {
  const wanted = wantedMask(config);
  return { mask: wanted & available, missing: capabilitiesIn(wanted & ~available) };
}

function wantedMask({
  capAdd,
  capDrop,
  privileged,
}: Pick<ContainerConfig, 'capAdd' | 'capDrop' | 'privileged'>): bigint {
  if (privileged) return all;
  const drop = capabilityMask(capDrop.filter((name) => name !== 'ALL'));
  if (capAdd.includes('ALL')) return all & ~drop;
  const start = capDrop.includes('ALL') ? 0n : capabilityMask(defaultCapabilities) & ~drop;
  return start | capabilityMask(capAdd);
}
