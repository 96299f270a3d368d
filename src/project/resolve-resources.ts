import type { BlkioRule, Resources, Ulimit } from '../model/project.ts';
import type { Bytes, HostPath } from '../model/units.ts';
import { suggest } from '../spec/suggest.ts';
import { originOf } from '../spec/tree.ts';
import type { Subject } from './resolving.ts';
import { keyAt, placeAt } from './view.ts';

const defaultPeriodUs = 100_000;

/** Limits of both spellings in one; zero means that there is none. */
export function resourcesOf(subject: Subject): Resources {
  const { service, trail } = subject;
  const limits = service.deploy?.resources?.limits ?? {};
  const reservations = service.deploy?.resources?.reservations ?? {};
  const deployed = (key: string, plain: string, path: string, section = 'limits'): void => {
    trail.add(`resources.${path}`, 'deploy', 'resources', section, key);
    trail.add(`resources.${path}`, plain);
  };
  deployed('cpus', 'cpus', 'cpuQuotaUs');
  deployed('memory', 'mem_limit', 'memoryBytes');
  deployed('memory', 'mem_reservation', 'memoryReservationBytes', 'reservations');
  deployed('pids', 'pids_limit', 'pids');
  trail.addFields(plainFields);
  const memory = sizeOf(service.mem_limit ?? limits.memory);
  return compact({
    ...cpuTime(service.cpus ?? limits.cpus, service),
    cpuShares: positive(service.cpu_shares),
    cpuset: service.cpuset === '' ? undefined : service.cpuset?.replaceAll(' ', ''),
    memoryBytes: memory,
    memoryReservationBytes: sizeOf(service.mem_reservation ?? reservations.memory),
    memorySwapBytes: swapOf(memory, subject),
    memorySwappiness: service.mem_swappiness === undefined ? undefined : Number(service.mem_swappiness),
    oomKillDisable: service.oom_kill_disable ?? false,
    pids: positive(service.pids_limit ?? limits.pids),
    blkio: blkioOf(subject),
    blkioWeight: positive(service.blkio_config?.weight),
    cgroupParent: service.cgroup_parent,
  });
}

const plainFields: ReadonlyMap<string, string> = new Map([
  ['cpu_period', 'resources.cpuPeriodUs'],
  ['cpu_shares', 'resources.cpuShares'],
  ['cpuset', 'resources.cpuset'],
  ['memswap_limit', 'resources.memorySwapBytes'],
  ['mem_swappiness', 'resources.memorySwappiness'],
  ['oom_kill_disable', 'resources.oomKillDisable'],
  ['blkio_config', 'resources.blkio'],
  ['cgroup_parent', 'resources.cgroupParent'],
]);

/** Drops what is undefined: an absent key means that nobody asked. */
export function compact<T extends object>(object: { [K in keyof T]: T[K] | undefined }): T {
  const kept: { [K in keyof T]?: T[K] } = {};
  for (const key in object) {
    const value = object[key];
    if (value !== undefined) kept[key] = value;
  }
  return kept as T;
}

const positive = (value: number | undefined): number | undefined =>
  value === undefined || value <= 0 ? undefined : value;

function sizeOf(text: string | undefined): Bytes | undefined {
  const size = text === undefined ? 0 : Number(text);
  return size > 0 ? (size as Bytes) : undefined;
}

function cpuTime(
  cpus: number | undefined,
  { cpu_quota: quota, cpu_period: period }: Subject['service'],
): { cpuQuotaUs?: number; cpuPeriodUs?: number } {
  const length = positive(period);
  if (positive(cpus) !== undefined) {
    // Never below the kernel's least quota of 1 ms.
    const quotaUs = Math.max(1000, Math.round((cpus as number) * (length ?? defaultPeriodUs)));
    return { cpuQuotaUs: quotaUs, cpuPeriodUs: length ?? defaultPeriodUs };
  }
  return {
    ...(positive(quota) === undefined ? {} : { cpuQuotaUs: quota as number }),
    ...(length === undefined ? {} : { cpuPeriodUs: length }),
  };
}

/** As in Docker: with a memory limit and nothing said, as much swap again; -1 is unlimited, 0 is nothing said. */
function swapOf(memory: Bytes | undefined, { service, name, view, report }: Subject): Bytes | undefined {
  const asked = service.memswap_limit === undefined ? 0 : Number(service.memswap_limit);
  if (asked === -1) return -1 as Bytes;
  if (asked === 0) return memory === undefined ? undefined : ((memory * 2) as Bytes);
  if (memory === undefined || asked < memory) {
    report.error('limit-out-of-range', {
      summary: `service "${name}": memswap_limit is memory and swap together and cannot be ${memory === undefined ? 'without' : 'below'} mem_limit`,
      at: placeAt(view, 'services', name, 'memswap_limit'),
      notes:
        memory === undefined
          ? ['set mem_limit too']
          : [{ text: 'the memory limit is here', origin: originOf(keyAt(view, 'services', name, 'mem_limit')) }],
    });
  }
  return asked as Bytes;
}

function blkioOf({ service }: Subject): readonly BlkioRule[] {
  const blkio = service.blkio_config;
  if (blkio === undefined) return [];
  const rates = [
    ['read_bps', blkio.device_read_bps],
    ['write_bps', blkio.device_write_bps],
    ['read_iops', blkio.device_read_iops],
    ['write_iops', blkio.device_write_iops],
  ] as const;
  return [
    ...(blkio.weight_device ?? []).map(
      ({ path, weight }): BlkioRule => ({ kind: 'weight', device: path as HostPath, value: weight }),
    ),
    ...rates.flatMap(([kind, rules]) =>
      (rules ?? []).map(({ path, rate }): BlkioRule => ({ kind, device: path as HostPath, value: Number(rate) })),
    ),
  ];
}

const ulimitNames =
  'as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(' ');

export function ulimitsOf({ service, name, view, report, trail }: Subject): readonly Ulimit[] {
  return Object.entries(service.ulimits ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([limit, value]) => {
      trail.add(`ulimits.${limit}`, 'ulimits', limit);
      const { soft, hard } = typeof value === 'number' ? { soft: value, hard: value } : value;
      const at = keyAt(view, 'services', name, 'ulimits', limit);
      if (!ulimitNames.includes(limit)) {
        const near = suggest(limit, ulimitNames);
        const note = near === undefined ? `limits: ${ulimitNames.join(', ')}` : `did you mean "${near}"?`;
        report.error('bad-name', { summary: `service "${name}": there is no limit "${limit}"`, at, notes: [note] });
      } else if (hard !== -1 && (soft === -1 || soft > hard)) {
        report.error('limit-out-of-range', {
          summary: `service "${name}": the soft limit of ${limit} is above the hard one`,
          at: placeAt(view, 'services', name, 'ulimits', limit),
          notes: ['soft must be at most hard'],
        });
      }
      return { name: limit, soft, hard };
    });
}

/** Only what belongs to the container's own namespaces can be set for it. */
const namespaced =
  /^(net\.|fs\.mqueue\.|kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced|domainname)$)/;

export function sysctlsOf({ service, name, view, report, trail }: Subject): { readonly [key: string]: string } {
  const found: [string, string][] = [];
  for (const [written, value] of Object.entries(service.sysctls ?? {})) {
    // sysctl(8) takes both separators; the first one decides what the other means.
    const key = /^[^./]*\//.test(written) ? written.replace(/[./]/g, (c) => (c === '/' ? '.' : '/')) : written;
    trail.add(`sysctls.${key}`, 'sysctls', written);
    found.push([key, value]);
    const at = keyAt(view, 'services', name, 'sysctls', written);
    if (!namespaced.test(key)) {
      report.error('bad-value', {
        summary: `service "${name}": ${written} is a setting of the whole host`,
        at,
        notes: ['a container can set net.*, fs.mqueue.*, kernel.msg*, kernel.sem and kernel.shm*'],
      });
    } else if (key.startsWith('net.') && service.network_mode === 'host') {
      report.error('conflict', {
        summary: `service "${name}": ${written} would change the host, because network_mode is host`,
        at,
        notes: ['remove one of them'],
      });
    }
  }
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}
