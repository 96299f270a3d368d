import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { textIfThere } from './absent.ts';

let cachedBootId: string | undefined;

/** The running kernel's boot id as 32 hex digits: what was written under another one is history. */
export function bootId(): string {
  cachedBootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().replaceAll('-', '');
  return cachedBootId;
}

/**
 * When a process started, in clock ticks since boot (proc(5), field 22): with the pid it is an identity. Undefined when
 * there is no such process, or only its zombie.
 */
export function startTime(pid: number): bigint | undefined {
  const fields = fieldsOf(pid);
  return fields === undefined || hasEnded(fields) ? undefined : BigInt(fields[22 - 3] ?? '');
}

/** Pid of the parent of a process that lives; undefined when it does not, as `isAlive` sees it. */
export function parentOfLiving(pid: number, start: bigint): number | undefined {
  const fields = start === 0n ? undefined : fieldsOf(pid);
  if (fields === undefined || hasEnded(fields) || BigInt(fields[22 - 3] ?? '') !== start) return undefined;
  return Number(fields[4 - 3]);
}

const hasEnded = ([state]: readonly string[]): boolean => state === 'Z' || state === 'X';

/** /proc/PID/stat from its third field on: the second is the command, which may contain spaces and parentheses. */
function fieldsOf(pid: number): readonly string[] | undefined {
  const stat = pid > 0 ? readOrUndefined(`/proc/${pid}/stat`) : undefined;
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ', 22 - 2);
}

/** Whether it was stopped, by SIGSTOP for example: it lives, and does nothing. */
export const isStopped = (pid: number): boolean => fieldsOf(pid)?.[0] === 'T';

/** Whether the process that had this pid when it started at `start` still lives. */
export const isAlive = (pid: number, start: bigint): boolean => start !== 0n && startTime(pid) === start;

/** Kills what runs `program` (a file's name) and works in this directory, which must be one that only we work in. */
export function killProcessesIn(directory: string, program: string): void {
  for (const name of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(name)) continue;
    try {
      if (readlinkSync(`/proc/${name}/cwd`) !== directory) continue;
      // The build that it comes from may have been replaced since.
      const exe = readlinkSync(`/proc/${name}/exe`).replace(/ \(deleted\)$/, '');
      if (basename(exe) === program) process.kill(Number(name), 'SIGKILL');
    } catch {
      // Gone meanwhile.
    }
  }
}

/** Undefined when there is no such process. */
export function parentOf(pid: number): number | undefined {
  const fields = fieldsOf(pid);
  return fields === undefined ? undefined : Number(fields[4 - 3]);
}

/** Its arguments, the program first; none when there is no such process, or it is a zombie. */
export const commandLine = (pid: number): readonly string[] =>
  readOrUndefined(`/proc/${pid}/cmdline`)?.split('\0').slice(0, -1) ?? [];

/** A process in words: `process 4711 (tscompose up -d)`. */
export function describeProcess(pid: number): string {
  const command = commandLine(pid).join(' ').trim();
  if (command === '') return pid > 0 ? `process ${pid}` : 'another process';
  return `process ${pid} (${command.length > 80 ? `${command.slice(0, 79)}…` : command})`;
}

/** With hidepid, others' processes are shown to nobody but root. */
const isHidden = (cause: unknown): boolean => ['EACCES', 'EPERM'].includes((cause as NodeJS.ErrnoException).code ?? '');

/** As UTF-8, which Node reads in one call where other encodings cost four and a buffer each. */
function readOrUndefined(path: string): string | undefined {
  try {
    return textIfThere(path);
  } catch (cause) {
    if (isHidden(cause)) return undefined;
    throw cause;
  }
}
