import { readFileSync } from 'node:fs';
import type { PublishedPort } from '../../../model/project.ts';
import type { CgroupHost } from '../cgroup/detect.ts';
import type { Taken } from '../network/port-holder.ts';

/** What preflight has to know of the machine. */
export type PreflightHost = {
  readonly uid: number;
  /** Numbers of the CPUs that are online. */
  readonly cpus: readonly number[];
  /** Cgroup controllers that can limit something, by their v2 names: `io`, not `blkio`. */
  readonly controllers: ReadonlySet<string>;
  /** What this kernel lacks that no container can do without. */
  readonly lacks: readonly HostLack[];
  /** Directories of the user's PATH. */
  readonly programDirectories: readonly string[];
  /** Who else has a host port that is to be published. */
  readonly findTaken: (port: PublishedPort) => Taken | undefined;
};

export type HostLack = {
  readonly title: string;
  /** What was found instead, and what does not work because of it. */
  readonly found: string;
  readonly effect?: string | undefined;
  readonly remedy?: string | undefined;
};

export function availableControllers({ v1, v2 }: CgroupHost): ReadonlySet<string> {
  const names = [...v1.flatMap(({ controllers }) => controllers), ...(v2?.controllers ?? [])];
  return new Set(names.map((name) => (name === 'blkio' ? 'io' : name)));
}

export function onlineCpus(): readonly number[] {
  try {
    return parseCpuList(readFileSync('/sys/devices/system/cpu/online', 'utf8').trim());
  } catch {
    return [0];
  }
}

const maxCpus = 8192;

/** cpuset(7) list format, `0-3,5`; what is no number is left out. */
export function parseCpuList(text: string): readonly number[] {
  return text.split(',').flatMap((part) => {
    const [, first, last] = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part) ?? [];
    if (first === undefined) return [];
    const [from, to] = [Number(first), Number(last ?? first)];
    return Array.from({ length: Math.max(0, Math.min(to - from + 1, maxCpus)) }, (_, index) => from + index);
  });
}
