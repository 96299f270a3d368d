import type { DesiredContainer } from '../../../model/state.ts';
import type { PreflightHost } from './host.ts';
import { parseCpuList } from './host.ts';
import type { Report } from './report.ts';
import { statOf } from './stat.ts';

/** Limits that this machine cannot give, and devices that it does not have. */
export function checkResources(
  container: DesiredContainer,
  { report, host }: { readonly report: Report; readonly host: PreflightHost },
): void {
  const { resources, devices } = container.config;
  const { cpuQuotaUs, cpuPeriodUs = 100_000, cpuset } = resources;
  const most = host.cpus.length;
  if (cpuQuotaUs !== undefined && cpuQuotaUs > most * cpuPeriodUs) {
    report.add(container, {
      code: 'limit-out-of-range',
      at: 'resources.cpuQuotaUs',
      summary: `cannot give it ${cpuQuotaUs / cpuPeriodUs} cpus: this machine has ${most}`,
      notes: [`use a value from 0.01 to ${most}`],
    });
  }
  const absent = cpuset === undefined ? [] : parseCpuList(cpuset).filter((cpu) => !host.cpus.includes(cpu));
  if (absent.length > 0) {
    report.add(container, {
      code: 'limit-out-of-range',
      at: 'resources.cpuset',
      summary: `cannot use cpu ${absent[0]}: this machine has ${formatCpus(host.cpus)}`,
      notes: ['cpuset takes numbers and ranges: 0-1,3'],
    });
  }
  checkControllers(container, { report, host });
  for (const [index, { source }] of devices.entries()) {
    const stats = statOf(source);
    // A directory stands for all devices in it.
    const isDevice = stats?.isCharacterDevice() || stats?.isBlockDevice() || stats?.isDirectory();
    if (isDevice === true) continue;
    const reason = stats === undefined ? 'it does not exist on the host' : 'it is not a device';
    report.add(container, {
      code: 'device-missing',
      at: `devices.${index}`,
      summary: `cannot pass ${source} on: ${reason}`,
      notes: [stats === undefined ? 'load its driver, or correct the path' : 'mount it as a volume instead'],
    });
  }
  for (const { device } of resources.blkio) {
    if (statOf(device)?.isBlockDevice() === true) continue;
    report.add(container, {
      code: 'device-missing',
      at: 'resources.blkio',
      summary: `cannot limit ${device}: it is no block device of this machine`,
      notes: ['lsblk lists them'],
    });
  }
}

/** A limit that cannot be applied is said to be so; the container runs without it. */
function checkControllers(
  container: DesiredContainer,
  { report, host }: { readonly report: Report; readonly host: PreflightHost },
): void {
  const { resources } = container.config;
  const wanted: readonly (readonly [controller: string, path: string, isUsed: boolean])[] = [
    ['cpu', 'cpuQuotaUs', resources.cpuQuotaUs !== undefined],
    ['cpu', 'cpuShares', resources.cpuShares !== undefined],
    ['cpuset', 'cpuset', resources.cpuset !== undefined],
    ['memory', 'memoryBytes', resources.memoryBytes !== undefined],
    ['memory', 'memoryReservationBytes', resources.memoryReservationBytes !== undefined],
    ['pids', 'pids', resources.pids !== undefined],
    ['io', 'blkio', resources.blkio.length > 0 || resources.blkioWeight !== undefined],
  ];
  for (const [controller, path, isUsed] of wanted) {
    if (!isUsed || host.controllers.has(controller)) continue;
    report.add(container, {
      code: 'host-feature',
      severity: 'warning',
      at: `resources.${path}`,
      summary: `this limit has no effect: the ${controller} controller of the kernel is not available`,
      notes: ['tscompose doctor says how to get it'],
    });
  }
}

function formatCpus(cpus: readonly number[]): string {
  const [first, last] = [cpus[0], cpus.at(-1)];
  const isRange = first !== undefined && last !== undefined && last - first === cpus.length - 1 && last > first;
  return isRange ? `${first}-${last}` : cpus.join(',');
}
