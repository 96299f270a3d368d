import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { later } from './later.ts';

const codes = new WeakMap<ChildProcess, Promise<number>>();

/**
 * The code with which a process ends, 128 + signal when it was killed, once its output is closed; rejects when it could not
 * be started. Known also when that is long past, if it was asked for at the start.
 */
export function codeOf(child: ChildProcess): Promise<number> {
  const known = codes.get(child);
  if (known) return known;
  const code = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve(status ?? 128 + constants.signals[signal ?? 'SIGKILL']));
  });
  codes.set(child, later(code));
  return code;
}

/**
 * A program that runs beside a test. That it cannot be started is not thrown at nobody, which fails the whole run: the test
 * that needs it misses it.
 */
export function beside<T extends ChildProcess>(child: T): T {
  void codeOf(child);
  child.stdin?.on('error', () => {});
  return child;
}

/** Ends a program that runs beside a test, and waits until it has gone. */
export async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  child.kill(signal);
  await codeOf(child);
}
