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
  const stat = statOf(pid);
  if (stat === undefined) return undefined;
  const state = field(stat, 3);
  return state === 'Z' || state === 'X' ? undefined : BigInt(field(stat, 22));
}

/** By the number that proc(5) gives it, from 3 on: the second is the command, which may contain spaces and parentheses. */
function field(stat: string, number: number): string {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ', number - 2);
  return fields[number - 3] ?? '';
}

/** /proc/PID/stat; undefined when there is no such process. */
const statOf = (pid: number): string | undefined => (pid > 0 ? readOrUndefined(`/proc/${pid}/stat`) : undefined);

/** Whether it was stopped, by SIGSTOP for example: it lives, and does nothing. */
export function isStopped(pid: number): boolean {
  const stat = statOf(pid);
  return stat !== undefined && field(stat, 3) === 'T';
}

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
  const stat = statOf(pid);
  return stat === undefined ? undefined : Number(field(stat, 4));
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
