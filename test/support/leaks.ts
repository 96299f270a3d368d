import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { hostNames } from '../../src/runtime/linux/network/host-names.ts';
import { built } from './programs.ts';

/** What is on the machine because of some projects, by kind; every entry says where it was found. */
export type Traces = { readonly [kind: string]: readonly string[] };

/**
 * Everything that bears the name of one of these projects. Names are random and long, so that looking for them in paths,
 * mount tables and open files finds what is ours and only that. Changes nothing.
 */
export function tracesOf(projects: readonly string[]): Traces {
  const named = (text: string) => projects.some((project) => text.includes(project));
  const uplinks = projects.map(uplinkOf);
  return {
    processes: processesNaming(named).map((p) => `${p.pid} ${p.command} (${p.because})`),
    cgroups: cgroupDirectories().filter(named),
    mounts: linesOf('/proc/self/mountinfo').filter(named),
    sockets: linesOf('/proc/net/unix').filter(named),
    interfaces: interfaces().filter((line) => named(line) || uplinks.some((link) => line.includes(link))),
    bpf: textFrom(built('bpf'))
      .split('\n')
      .filter((line) => uplinks.some((link) => line.endsWith(link))),
    'packet filter': textFrom('nft', 'list', 'ruleset').split('\n').filter(named),
    state: ['/run/tscompose', '/var/lib/tscompose'].flatMap((top) => pathsNaming(top, named, 4)),
  };
}

/** The host's end of a project's way out, which its eBPF programs are called after. */
export const uplinkOf = (project: string): string => hostNames('/run/tscompose', project).link;

/** Name and alias of each interface: those of projects below a root of their own are known by the alias. */
const interfaces = (): string[] =>
  linesOf('/proc/net/dev').map((line) => {
    const name = line.split(':')[0]?.trim() ?? '';
    return `${name} ${textOf(`/sys/class/net/${name}/ifalias`).trim()}`;
  });

/**
 * Counts of what has no project's name on it: only comparable on a machine where nothing else makes containers
 * (TSCOMPOSE_TEST_ALONE).
 */
export function census(): Traces {
  const processes = processIds().map((pid) => ({ pid, namespace: linkOf(`/proc/${pid}/ns/net`) }));
  return {
    'mount points': linesOf('/proc/self/mountinfo').map((line) => line.split(' ')[4] ?? ''),
    'network interfaces': entriesOf('/sys/class/net'),
    'network namespaces': [...new Set(processes.map((p) => p.namespace))].filter((link) => link !== ''),
    bpf: textFrom(built('bpf')).split('\n'),
    cgroups: cgroupDirectories().filter((path) => path.includes('/tscompose/')),
    'processes of ours': processIds()
      .filter((pid) => /tsc-shim|tscompose/.test(textOf(`/proc/${pid}/cmdline`)))
      .filter((pid) => !/vitest|node_modules/.test(textOf(`/proc/${pid}/cmdline`)))
      .map((pid) => `${pid} ${textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`),
  };
}

/** What `after` has and `before` had not; empty when nothing was left. */
export function added(before: Traces, after: Traces): string[] {
  return Object.entries(after).flatMap(([kind, entries]) => {
    const rest = [...(before[kind] ?? [])];
    const fresh = entries.filter((entry) => {
      const at = rest.indexOf(entry);
      if (at >= 0) rest.splice(at, 1);
      return at < 0;
    });
    return fresh.map((entry) => `${kind}: ${entry}`);
  });
}

export type FoundProcess = { readonly pid: number; readonly command: string; readonly because: string };

/** Processes in a cgroup of the project, with a file of it open, or with its name in their command line or directory. */
export function processesOf(project: string): FoundProcess[] {
  return processesNaming((text) => text.includes(project));
}

/** The monitors of a project and its net process: ours, outside of its containers. Its keeper is none, nor is a launcher. */
export function monitorsOf(project: string): FoundProcess[] {
  return processesOf(project).filter(
    (p) =>
      !p.because.startsWith('cgroup') &&
      p.command.startsWith('tsc') &&
      !['tsc:keeper', 'tsc:launch'].includes(p.command),
  );
}

/** Who hears of the death of a monitor of the project: one process, or two for the moment in which one takes over. */
export function keepersOf(project: string): number[] {
  return processesOf(project)
    .filter(({ command }) => command === 'tsc:keeper')
    .map(({ pid }) => pid);
}

/** Kills the monitors and the keeper of a project, so that none of them can do anything about the others' end. */
export function killOurs(project: string): void {
  for (const signal of ['SIGSTOP', 'SIGKILL'] as const) {
    const monitors = monitorsOf(project).filter(({ command }) => command === 'tsc:monitor');
    for (const pid of [...monitors.map((monitor) => monitor.pid), ...keepersOf(project)])
      attempt(() => kill(pid, signal), undefined);
  }
}

/** The processes that supervise a project; at most one, but for the moment in which one starts another. */
export function supervisorsOf(project: string): number[] {
  const found = processIds().filter((pid) => {
    const words = textOf(`/proc/${pid}/cmdline`).split('\0');
    return words.includes('supervise') && words.includes(project);
  });
  // Between fork and exec a child looks like its parent.
  const parentOf = (pid: number) => Number(/^PPid:\s*(\d+)$/m.exec(textOf(`/proc/${pid}/status`))?.[1]);
  return found.filter((pid) => !found.includes(parentOf(pid)));
}

/**
 * Sends a signal to one process, which must be there. A number that was never set is 0, and to kill(2) that means our whole
 * group: the tests and whoever runs them.
 */
export function kill(pid: number, signal: NodeJS.Signals): void {
  if (!(pid > 1)) throw new Error(`${pid} is the number of no process of a test`);
  process.kill(pid, signal);
}

/** Kills a process of ours at once; false when it had ended already. */
export function killed(pid: number): boolean {
  try {
    kill(pid, 'SIGKILL');
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

function processesNaming(named: (text: string) => boolean): FoundProcess[] {
  return processIds()
    .filter((pid) => pid !== process.pid)
    .flatMap((pid) => {
      const because = reasonOf(pid, named);
      return because === undefined ? [] : [{ pid, command: textOf(`/proc/${pid}/comm`).trim(), because }];
    });
}

function reasonOf(pid: number, named: (text: string) => boolean): string | undefined {
  const cgroup = linesOf(`/proc/${pid}/cgroup`).find(named);
  if (cgroup !== undefined) return `cgroup ${cgroup}`;
  const links = [
    `/proc/${pid}/cwd`,
    `/proc/${pid}/root`,
    ...entriesOf(`/proc/${pid}/fd`).map((fd) => `/proc/${pid}/fd/${fd}`),
  ];
  const link = links.map(linkOf).find(named);
  if (link !== undefined) return `open ${link}`;
  const command = textOf(`/proc/${pid}/cmdline`);
  return named(command) ? `command line ${command.replaceAll('\0', ' ').trim()}` : undefined;
}

function processIds(): number[] {
  return entriesOf('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function cgroupDirectories(): string[] {
  const mounts = linesOf('/proc/self/mountinfo').filter((line) => / - cgroup2? /.test(line));
  return mounts.flatMap((line) => directoriesBelow(line.split(' ')[4] ?? '', 8));
}

function directoriesBelow(path: string, depth: number): string[] {
  if (depth === 0) return [];
  return directoryEntries(path).flatMap((name) => [join(path, name), ...directoriesBelow(join(path, name), depth - 1)]);
}

function directoryEntries(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}

/** Paths below `top` whose own name names a project; what lies inside such a one is not listed. */
function pathsNaming(top: string, named: (text: string) => boolean, depth: number): string[] {
  if (depth === 0) return [];
  return entriesOf(top).flatMap((name) => {
    const path = join(top, name);
    return named(name) ? [path] : pathsNaming(path, named, depth - 1);
  });
}

/** What a program prints; nothing where it is not installed. */
const textFrom = (program: string, ...args: string[]): string =>
  spawnSync(program, args, { encoding: 'utf8' }).stdout ?? '';

/** What vanishes while it is looked at is not there: processes end, directories are removed. */
function attempt<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

const entriesOf = (path: string): string[] => attempt(() => readdirSync(path), []);
const linkOf = (path: string): string => attempt(() => readlinkSync(path), '');
const textOf = (path: string): string => attempt(() => readFileSync(path, 'utf8'), '');
const linesOf = (path: string): string[] =>
  textOf(path)
    .split('\n')
    .filter((line) => line !== '');
