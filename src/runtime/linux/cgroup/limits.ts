import type { BlkioRule, Resources } from '../../../model/project.ts';
import type { Controller } from './layout.ts';

/** One write into a file of the container's cgroup, in the order in which they must be made. */
export type LimitWrite = {
  readonly controller: Controller;
  readonly file: string;
  readonly value: string;
  readonly configPath: string;
  /** A kernel may lack the file; that is worth a warning, not a failure. */
  readonly optional?: true;
};

export type LimitFacts = {
  readonly version: (controller: Controller) => 'v1' | 'v2' | undefined;
  /** Host path of a block device → "major:minor". */
  readonly blockDevices: ReadonlyMap<string, string>;
  readonly bfq: boolean;
  /** NUMA nodes we may use, as v1 cpuset wants them ("0-1"). */
  readonly mems?: string;
};

/** A limit that this host cannot apply: which one, why, and what to do about it. */
export type LimitWarning = {
  readonly configPath: string;
  readonly message: string;
  /** Preflight sees it too, and shows the line. */
  readonly foreseen?: true;
};

export type LimitPlan = { readonly writes: readonly LimitWrite[]; readonly warnings: readonly LimitWarning[] };

const defaultPeriodUs = 100_000;

/** What the limits of a container are called in each version of cgroups. */
export function planLimits(resources: Resources, facts: LimitFacts): LimitPlan {
  const writes: LimitWrite[] = [];
  const warnings: LimitWarning[] = [];
  const parts: readonly [Controller, string, readonly LimitWrite[]][] = [
    ['cpuset', 'cpuset', cpuset(resources, facts)],
    ['cpu', 'cpu', cpu(resources, facts)],
    ['memory', 'memory', memory(resources, facts, warnings)],
    ['pids', 'pids', pids(resources)],
    ['blkio', 'blkio', blkio(resources, facts)],
  ];
  for (const [controller, name, wanted] of parts) {
    const first = wanted[0];
    if (first === undefined) continue;
    if (facts.version(controller) !== undefined) writes.push(...wanted);
    else warnings.push({ configPath: first.configPath, message: missingController(name), foreseen: true });
  }
  return { writes, warnings };
}

const missingController = (name: string): string =>
  `cannot apply it: this machine has no ${name} cgroup controller (boot with it enabled, see /proc/cgroups)`;

const whole = (value: number): string => (value === -1 ? '-1' : String(Math.trunc(value)));

function cpu(resources: Resources, facts: LimitFacts): LimitWrite[] {
  const { cpuQuotaUs: quota, cpuPeriodUs: period, cpuShares: shares } = resources;
  const write = (file: string, value: string, configPath: string): LimitWrite => ({
    controller: 'cpu',
    file,
    value,
    configPath: `resources.${configPath}`,
  });
  const writes: LimitWrite[] = [];
  const quotaPath = quota === undefined ? 'cpuPeriodUs' : 'cpuQuotaUs';
  if (facts.version('cpu') === 'v2') {
    if (quota !== undefined || period !== undefined) {
      const budget = quota === undefined || quota < 0 ? 'max' : whole(quota);
      writes.push(write('cpu.max', `${budget} ${whole(period ?? defaultPeriodUs)}`, quotaPath));
    }
    if (shares !== undefined) writes.push(write('cpu.weight', String(weightOfShares(shares)), 'cpuShares'));
    return writes;
  }
  if (quota !== undefined || period !== undefined) {
    writes.push(write('cpu.cfs_period_us', whole(period ?? defaultPeriodUs), 'cpuPeriodUs'));
  }
  if (quota !== undefined) writes.push(write('cpu.cfs_quota_us', whole(quota), 'cpuQuotaUs'));
  if (shares !== undefined) writes.push(write('cpu.shares', whole(shares), 'cpuShares'));
  return writes;
}

/**
 * cpu.weight for cpu.shares, so that 2 → 1, 1024 → 100 and 262144 → 10000: the quadratic fit that runc and crun agreed on,
 * because the earlier linear one gave the default of 1024 less than the default weight.
 */
export function weightOfShares(shares: number): number {
  const l = Math.log2(Math.min(Math.max(shares, 2), 262_144));
  return Math.ceil(10 ** ((l * l + 125 * l) / 612 - 7 / 34));
}

function cpuset(resources: Resources, facts: LimitFacts): LimitWrite[] {
  if (resources.cpuset === undefined) return [];
  const configPath = 'resources.cpuset';
  const cpus: LimitWrite = { controller: 'cpuset', file: 'cpuset.cpus', value: resources.cpuset, configPath };
  if (facts.version('cpuset') !== 'v1') return [cpus];
  // In v1 no process enters a cpuset without memory nodes (ENOSPC), and a new one has none.
  return [cpus, { controller: 'cpuset', file: 'cpuset.mems', value: facts.mems ?? '0', configPath }];
}

function memory(resources: Resources, facts: LimitFacts, warnings: LimitWarning[]): LimitWrite[] {
  if (facts.version('memory') !== 'v2')
    return [...memoryV1(resources), ...swap(resources, 'memory.memsw.limit_in_bytes')];
  if (resources.memorySwappiness !== undefined) warnings.push(onlyV1('memorySwappiness', 'memory.swappiness'));
  if (resources.oomKillDisable) warnings.push(onlyV1('oomKillDisable', 'a switch for the OOM killer'));
  return [...memoryV2(resources), ...swap(resources, 'memory.swap.max')];
}

const memoryWrite = (file: string, value: string, key: keyof Resources): LimitWrite => ({
  controller: 'memory',
  file,
  value,
  configPath: `resources.${key}`,
});

function memoryV1(resources: Resources): LimitWrite[] {
  const { memoryBytes: limit, memoryReservationBytes: reservation, memorySwappiness: swappiness } = resources;
  const writes: LimitWrite[] = [];
  if (limit !== undefined) writes.push(memoryWrite('memory.limit_in_bytes', whole(limit), 'memoryBytes'));
  if (reservation !== undefined) {
    writes.push(memoryWrite('memory.soft_limit_in_bytes', whole(reservation), 'memoryReservationBytes'));
  }
  if (swappiness !== undefined) writes.push(memoryWrite('memory.swappiness', whole(swappiness), 'memorySwappiness'));
  if (resources.oomKillDisable) writes.push(memoryWrite('memory.oom_control', '1', 'oomKillDisable'));
  return writes;
}

function memoryV2(resources: Resources): LimitWrite[] {
  const { memoryBytes: limit, memoryReservationBytes: reservation } = resources;
  const writes: LimitWrite[] = [];
  if (limit !== undefined) writes.push(memoryWrite('memory.max', orMax(limit), 'memoryBytes'));
  if (reservation !== undefined) writes.push(memoryWrite('memory.low', whole(reservation), 'memoryReservationBytes'));
  return writes;
}

/**
 * After the limit, because v1 refuses a total that is below it. v1 counts memory plus swap, v2 swap alone. Kernels without
 * swap accounting lack the file.
 */
function swap(resources: Resources, file: 'memory.memsw.limit_in_bytes' | 'memory.swap.max'): LimitWrite[] {
  const total = swapTotal(resources);
  if (total === undefined) return [];
  const swapAlone = total === -1 ? -1 : total - (resources.memoryBytes ?? 0);
  const value = file === 'memory.swap.max' ? orMax(swapAlone) : whole(total);
  const key = resources.memorySwapBytes === undefined ? 'memoryBytes' : 'memorySwapBytes';
  return [{ ...memoryWrite(file, value, key), optional: true }];
}

const orMax = (value: number): string => (value === -1 ? 'max' : whole(value));

const onlyV1 = (key: string, what: string): LimitWarning => ({
  configPath: `resources.${key}`,
  message: `cannot apply it: cgroup v2 has no ${what} (remove the line)`,
});

/** Memory plus swap, -1 for unlimited, undefined when neither is limited. Docker allows as much swap as memory. */
function swapTotal(resources: Resources): number | undefined {
  if (resources.memorySwapBytes !== undefined && resources.memorySwapBytes !== 0) return resources.memorySwapBytes;
  if (resources.memoryBytes === undefined || resources.memoryBytes === -1) return undefined;
  return 2 * resources.memoryBytes;
}

/** Docker reads 0 as "no limit", where the kernel would let nothing start at all. */
function pids(resources: Resources): LimitWrite[] {
  if (resources.pids === undefined) return [];
  const value = resources.pids <= 0 ? 'max' : whole(resources.pids);
  return [{ controller: 'pids', file: 'pids.max', value, configPath: 'resources.pids' }];
}

const throttleFiles = {
  read_bps: 'blkio.throttle.read_bps_device',
  write_bps: 'blkio.throttle.write_bps_device',
  read_iops: 'blkio.throttle.read_iops_device',
  write_iops: 'blkio.throttle.write_iops_device',
} as const;
const ioMaxKeys = { read_bps: 'rbps', write_bps: 'wbps', read_iops: 'riops', write_iops: 'wiops' } as const;

function blkio(resources: Resources, facts: LimitFacts): LimitWrite[] {
  const v2 = facts.version('blkio') === 'v2';
  const writes: LimitWrite[] = [];
  if (resources.blkioWeight !== undefined) {
    const base = { controller: 'blkio', configPath: 'resources.blkioWeight', optional: true } as const;
    if (!v2) writes.push({ ...base, file: 'blkio.bfq.weight', value: whole(resources.blkioWeight) });
    else if (facts.bfq) writes.push({ ...base, file: 'io.bfq.weight', value: whole(resources.blkioWeight) });
    else writes.push({ ...base, file: 'io.weight', value: String(ioWeight(resources.blkioWeight)) });
  }
  for (const [i, rule] of resources.blkio.entries()) {
    const device = facts.blockDevices.get(rule.device);
    if (device !== undefined) writes.push(blkioRule(rule, { device, v2, configPath: `resources.blkio.${i}` }));
  }
  return writes;
}

/** 10..1000 → 1..10000. */
const ioWeight = (weight: number): number => 1 + Math.trunc(((weight - 10) * 9999) / 990);

function blkioRule(rule: BlkioRule, to: { device: string; v2: boolean; configPath: string }): LimitWrite {
  const { device, v2, configPath } = to;
  const value = `${device} ${whole(rule.value)}`;
  if (rule.kind === 'weight') {
    const file = v2 ? 'io.bfq.weight' : 'blkio.bfq.weight_device';
    return { controller: 'blkio', file, value, configPath, optional: true };
  }
  if (!v2) return { controller: 'blkio', file: throttleFiles[rule.kind], value, configPath };
  return {
    controller: 'blkio',
    file: 'io.max',
    value: `${device} ${ioMaxKeys[rule.kind]}=${whole(rule.value)}`,
    configPath,
  };
}
