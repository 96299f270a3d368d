import { readFileSync, statSync } from 'node:fs';
import type { ContainerName, ProjectName } from '../../../model/units.ts';
import type { HostEnvironment } from '../options.ts';
import { containerPaths, hostPaths, projectPaths } from '../paths.ts';
import { entries, readRecord } from '../state-dir.ts';

export type ContainerProcess = {
  /** As the host sees them. */
  readonly pid: number;
  readonly ppid: number;
  /** Inside the container. */
  readonly guestPid: number;
  readonly uid: number;
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
  /** Processor time used so far. */
  readonly cpuMs: number;
  readonly residentBytes: number;
  readonly threads: number;
  /** `pts/0`, or `?`. */
  readonly terminal: string;
  readonly command: string;
};

/** All processes in the cgroup of a container, by pid; none when it does not run. */
export function listProcesses(
  project: ProjectName,
  container: ContainerName,
  host: HostEnvironment,
): readonly ContainerProcess[] {
  const record = readRecord(containerPaths(projectPaths(hostPaths(host), project), container).record);
  const directory = record?.cgroups.v2?.dir ?? record?.cgroups.v1[0]?.dir;
  if (directory === undefined) return [];
  const boot = bootedAtMs();
  return pidsBelow(directory)
    .sort((a, b) => a - b)
    .flatMap((pid) => describe(pid, boot) ?? []);
}

/** Cgroups that the container has made for itself included. */
function pidsBelow(directory: string): number[] {
  const own = textOf(`${directory}/cgroup.procs`) ?? '';
  const below = entries(directory).filter((name) => isDirectory(`${directory}/${name}`));
  return [
    ...own.split('\n').flatMap((line) => (line === '' ? [] : [Number(line)])),
    ...below.flatMap((name) => pidsBelow(`${directory}/${name}`)),
  ];
}

const isDirectory = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** USER_HZ: what proc(5) counts in, 100 on every architecture that Node runs on. */
const tickMs = 10;
const pageBytes = 4096;

function describe(pid: number, bootedAt: number): ContainerProcess | undefined {
  const stat = textOf(`/proc/${pid}/stat`);
  const status = textOf(`/proc/${pid}/status`);
  if (stat === undefined || status === undefined) return undefined;
  // The name may itself contain blanks and parentheses; what follows starts with field 3.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3]);
  const words = (textOf(`/proc/${pid}/cmdline`) ?? '').replace(/\0$/, '').split('\0');
  const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
  return {
    pid,
    ppid: field(4),
    guestPid: Number(/^NSpid:.*\t(\d+)$/m.exec(status)?.[1] ?? pid),
    uid: Number(/^Uid:\t(\d+)/m.exec(status)?.[1] ?? 0),
    startedAtMs: bootedAt + field(22) * tickMs,
    cpuMs: (field(14) + field(15)) * tickMs,
    residentBytes: field(24) * pageBytes,
    threads: field(20),
    terminal: terminalName(field(7)),
    // Our init shows by its name: its command line is that of what it was forked from.
    command: words.join(' ') === '' || name.startsWith('tsc:') ? `[${name}]` : words.join(' '),
  };
}

/** Unix98 terminals have the majors 136 to 143; the minor is cut in two by what 8 bits could hold. */
function terminalName(device: number): string {
  const major = (device >> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >> 12) & 0xfff00);
  return major >= 136 && major <= 143 ? `pts/${(major - 136) * 256 + minor}` : '?';
}

function bootedAtMs(): number {
  const uptime = Number.parseFloat(textOf('/proc/uptime') ?? '0');
  return Date.now() - uptime * 1000;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
