import type { ContainerName } from '../../../model/units.ts';
import type { ContainerRecord } from '../state-dir.ts';
import type { OpenFiles } from './open-files.ts';
import {
  type Bytes2,
  blkioBytes,
  fieldOf,
  ioStatBytes,
  networkBytes,
  numberIn,
  pressureIn,
  processIoBytes,
} from './parse.ts';

/** What a container uses, at one moment. Absent: nobody counts it on this machine. Counters run since its creation. */
export type Usage = {
  readonly container: ContainerName;
  /** Of the reading, on a clock that never jumps. Milliseconds. */
  readonly atMs: number;
  readonly cpuUs?: number;
  /** How many processors it may use, on the average of a period. */
  readonly cpuLimit?: number;
  /** As `docker stats` counts: without the page cache that could go at once. */
  readonly memoryBytes?: number;
  readonly memoryLimitBytes?: number;
  readonly memoryPeakBytes?: number;
  readonly network?: Bytes2;
  readonly disk?: Bytes2;
  readonly pids?: number;
  readonly pidsLimit?: number;
  readonly pidsPeak?: number;
  /** Periods in which it wanted more processor than its limit gave, of all. */
  readonly throttled?: { readonly periods: number; readonly of: number; readonly us: number };
  /** Percent of the last ten seconds in which something in it waited for this resource. */
  readonly pressure?: { readonly cpu?: number; readonly memory?: number; readonly io?: number };
  readonly oomKills?: number;
};

export type Subject = Pick<ContainerRecord, 'name' | 'cgroups'> & {
  /** Its PID 1, as the host sees it. */
  readonly pid: number;
};

/** Each counter from wherever this host keeps it: its v1 hierarchy, else cgroup2, else /proc. */
export function readUsage({ name, cgroups, pid }: Subject, files: OpenFiles): Usage {
  const v2 = cgroups.v2?.dir;
  const v1 = (controller: string): string | undefined =>
    cgroups.v1.find(({ hierarchy }) => hierarchy.controllers.includes(controller))?.dir;
  const at = (directory: string | undefined, file: string): string | undefined =>
    directory === undefined ? undefined : files.read(`${directory}/${file}`);
  const place: Place = { v2, v1, at };
  return {
    container: name,
    atMs: performance.now(),
    ...cpu(place),
    ...memory(place),
    ...defined('network', networkBytes(files.read(`/proc/${pid}/net/dev`))),
    ...defined('disk', disk(place, files.read(`/proc/${pid}/io`))),
    ...pids(place),
    ...defined('pressure', pressure(place)),
  };
}

type Place = {
  readonly v2: string | undefined;
  readonly v1: (controller: string) => string | undefined;
  readonly at: (directory: string | undefined, file: string) => string | undefined;
};

function cpu({ v2, v1, at }: Place): Pick<Usage, 'cpuUs' | 'cpuLimit' | 'throttled'> {
  // Counted in cgroup2 even where the controller lives in v1.
  const stat = at(v2, 'cpu.stat');
  const cpuacct = v1('cpuacct');
  const used = fieldOf(stat, 'usage_usec') ?? thousandth(numberIn(at(cpuacct, 'cpuacct.usage')));
  const limited = v1('cpu');
  const v1Stat = at(limited, 'cpu.stat');
  const throttled =
    v1Stat === undefined ? throttledIn(stat, 'throttled_usec', 1) : throttledIn(v1Stat, 'throttled_time', 1000);
  const [quota, period] =
    limited === undefined
      ? (at(v2, 'cpu.max') ?? '').split(' ').map(numberIn)
      : [numberIn(at(limited, 'cpu.cfs_quota_us')), numberIn(at(limited, 'cpu.cfs_period_us'))];
  const limit = quota === undefined || period === undefined ? undefined : quota / period;
  return { ...defined('cpuUs', used), ...defined('cpuLimit', limit), ...defined('throttled', throttled) };
}

const thousandth = (value: number | undefined) => (value === undefined ? undefined : value / 1000);

function throttledIn(stat: string | undefined, key: string, perUs: number): Usage['throttled'] {
  const of = fieldOf(stat, 'nr_periods');
  if (of === undefined) return undefined;
  return { periods: fieldOf(stat, 'nr_throttled') ?? 0, of, us: (fieldOf(stat, key) ?? 0) / perUs };
}

function memory({
  v2,
  v1,
  at,
}: Place): Pick<Usage, 'memoryBytes' | 'memoryLimitBytes' | 'memoryPeakBytes' | 'oomKills'> {
  const old = v1('memory');
  const files =
    old === undefined
      ? { dir: v2, used: 'memory.current', limit: 'memory.max', peak: 'memory.peak', cache: 'inactive_file' }
      : {
          dir: old,
          used: 'memory.usage_in_bytes',
          limit: 'memory.limit_in_bytes',
          peak: 'memory.max_usage_in_bytes',
          cache: 'total_inactive_file',
        };
  const used = numberIn(at(files.dir, files.used));
  if (used === undefined) return {};
  const cache = fieldOf(at(files.dir, 'memory.stat'), files.cache) ?? 0;
  const kills =
    old === undefined
      ? fieldOf(at(v2, 'memory.events'), 'oom_kill')
      : fieldOf(at(old, 'memory.oom_control'), 'oom_kill');
  return {
    memoryBytes: Math.max(0, used - cache),
    ...defined('memoryLimitBytes', numberIn(at(files.dir, files.limit))),
    ...defined('memoryPeakBytes', numberIn(at(files.dir, files.peak))),
    ...defined('oomKills', kills),
  };
}

function disk({ v2, v1, at }: Place, ofProcess: string | undefined): Bytes2 | undefined {
  return (
    blkioBytes(at(v1('blkio'), 'blkio.throttle.io_service_bytes')) ??
    ioStatBytes(at(v2, 'io.stat')) ??
    processIoBytes(ofProcess)
  );
}

function pids({ v2, v1, at }: Place): Pick<Usage, 'pids' | 'pidsLimit' | 'pidsPeak'> {
  const dir = v1('pids') ?? v2;
  return {
    ...defined('pids', numberIn(at(dir, 'pids.current'))),
    ...defined('pidsLimit', numberIn(at(dir, 'pids.max'))),
    ...defined('pidsPeak', numberIn(at(dir, 'pids.peak'))),
  };
}

function pressure({ v2, at }: Place): Usage['pressure'] {
  const found = {
    ...defined('cpu', pressureIn(at(v2, 'cpu.pressure'))),
    ...defined('memory', pressureIn(at(v2, 'memory.pressure'))),
    ...defined('io', pressureIn(at(v2, 'io.pressure'))),
  };
  return Object.keys(found).length === 0 ? undefined : found;
}

const defined = <K extends string, V>(key: K, value: V | undefined): { readonly [key in K]?: V } =>
  (value === undefined ? {} : { [key]: value }) as { readonly [key in K]?: V };
