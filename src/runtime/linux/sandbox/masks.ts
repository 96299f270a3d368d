import type { ContainerConfig } from '../../../model/project.ts';
import { type SetupOp, shared } from '../frame.ts';
import { op } from './op.ts';

/** Docker's lists: what tells about the host or controls it, although no namespace covers it. */
const masked: readonly string[] = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
];
const readOnly: readonly string[] = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** Power readings of each CPU tell neighbours what it computes (CVE-2020-8694 and its kin). */
const thermal = (cpu: number): string => `/sys/devices/system/cpu/cpu${cpu}/thermal_throttle`;

export function maskOps(config: ContainerConfig, { cpus }: { readonly cpus: number }): readonly SetupOp[] {
  if (config.privileged || !config.maskPaths) return [];
  return shared(`masks ${cpus}`, () => {
    const perCpu = Array.from({ length: cpus }, (_, cpu) => thermal(cpu));
    return [
      ...readOnly.map((path) => op('READONLY', { strings: [path] })),
      ...[...masked, ...perCpu].map((path) => op('MASK', { strings: [path] })),
    ];
  });
}
