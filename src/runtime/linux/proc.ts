import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

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
  const fields = statFields(pid);
  const state = fields[0];
  const start = fields[19];
  if (start === undefined || state === 'Z' || state === 'X') return undefined;
  return BigInt(start);
}

/** The fields after the name; none when there is no such process. */
function statFields(pid: number): readonly string[] {
  const stat = pid > 0 ? readOrUndefined(`/proc/${pid}/stat`) : undefined;
  // The second field is the command in parentheses and may itself contain spaces and parentheses.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
}

/** Whether it was stopped, by SIGSTOP for example: it lives, and does nothing. */
export const isStopped = (pid: number): boolean => statFields(pid)[0] === 'T';

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
  const parent = statFields(pid)[1];
  return parent === undefined ? undefined : Number(parent);
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

/** As UTF-8, which Node reads in one call where other encodings cost four and a buffer each. */
function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
