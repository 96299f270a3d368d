import { readFileSync } from 'node:fs';
import { isTerminal } from './output.ts';

/** Single keys of a terminal while output is shown. */
export type Keys = {
  /** Aborted by `d`. */
  readonly detach: AbortSignal;
  /** Gives the terminal back as it was. */
  readonly close: () => void;
};

const controlC = 0x03;
const controlZ = 0x1a;
const controlBackslash = 0x1c;

/**
 * Listens for keys; undefined when there is no terminal on both sides, or when it belongs to another job of the shell
 * (whoever changes a terminal from the background is stopped). What the terminal itself makes of control keys outside of
 * raw mode is done here, so that nothing changes for the user.
 */
export function listenForKeys(): Keys | undefined {
  if (!isTerminal(0) || !isTerminal(1) || !isForeground()) return undefined;
  const detach = new AbortController();
  const { stdin } = process;
  const onData = (bytes: Buffer): void => {
    for (const byte of bytes) {
      if (byte === 0x64) detach.abort();
      if (byte === controlC) process.kill(process.pid, 'SIGINT');
      if (byte === controlBackslash) process.kill(process.pid, 'SIGQUIT');
      if (byte === controlZ) suspend();
    }
  };
  const raw = (): void => {
    if (isForeground()) stdin.setRawMode(true);
  };
  const cooked = (): void => {
    if (isForeground()) stdin.setRawMode(false);
  };
  const suspend = (): void => {
    cooked();
    // As the terminal does it: the whole job.
    process.kill(0, 'SIGTSTP');
  };
  raw();
  stdin.on('data', onData);
  process.on('SIGCONT', raw);
  process.once('exit', cooked);
  return {
    detach: detach.signal,
    close: () => {
      stdin.off('data', onData);
      process.off('SIGCONT', raw);
      process.off('exit', cooked);
      cooked();
      stdin.pause();
    },
  };
}

/** Whether the terminal is ours. proc_pid_stat(5): pgrp and tpgid, counted from behind the name, which may hold anything. */
function isForeground(): boolean {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const [, , pgrp, , , tpgid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return pgrp === tpgid;
}
