import { fstatSync, writeSync } from 'node:fs';
import type { WriteStream } from 'node:tty';

/** One of our two ways out. Writing is synchronous: what was written has left when the process ends, on every path. */
export interface Output {
  readonly isTty: boolean;
  /** 80 when nobody knows. */
  readonly columns: () => number;
  readonly rows: () => number;
  /**
   * What we say. Throws `OutputClosed` when the reader of standard output is gone; a standard error that nobody reads, or
   * that has no room left, keeps no work from being done.
   */
  readonly write: (text: string | Uint8Array) => void;
  /** What others say through us: throws `OutputClosed` on both ways, because without a reader there is nothing left to do. */
  readonly relay: (text: string | Uint8Array) => void;
}

/** Whoever read our output has closed it (`tscompose ps | head -1`): not an error, but there is nothing left to do. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed';
}

/**
 * Standard output or standard error. `process.stdout` is avoided: making it costs 3 ms, it is asynchronous on pipes, and
 * what it still holds is lost on `process.exit`.
 */
export function openOutput(fd: 1 | 2): Output {
  const isTty = isTerminal(fd);
  let terminal: Measured | undefined;
  const size = (): readonly [number, number] => {
    if (!isTty) return [0, 0];
    terminal ??= new (tty().WriteStream)(fd) as Measured;
    // What it remembers is the size at its making; a signal tells of another one too late for what is drawn meanwhile.
    terminal._refreshSize?.();
    return terminal.getWindowSize();
  };
  const relay: Output['relay'] = (text) => writeAll(fd, typeof text === 'string' ? Buffer.from(text) : text);
  return {
    isTty,
    columns: () => size()[0] || 80,
    rows: () => size()[1] || 24,
    write: fd === 1 ? relay : forgiving(relay),
    relay,
  };
}

function forgiving(write: Output['write']): Output['write'] {
  return (text) => {
    try {
      write(text);
    } catch {
      // There is no other place to say it.
    }
  };
}

type Measured = WriteStream & { readonly _refreshSize?: () => void };

/** The major number of /dev/null and its like, as in the kernel's devices.txt: no need to load anything to ask them. */
const memoryDevices = 1;

/** Whether one of the three standard streams is a terminal. */
export function isTerminal(fd: 0 | 1 | 2): boolean {
  try {
    const stat = fstatSync(fd);
    return stat.isCharacterDevice() && stat.rdev >>> 8 !== memoryDevices && tty().isatty(fd);
  } catch {
    return false;
  }
}

/** Loading it costs 3 ms, and only terminals need it. */
const tty = () => process.getBuiltinModule('node:tty');

function writeAll(fd: number, bytes: Uint8Array): void {
  let at = 0;
  while (at < bytes.length) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EPIPE' || code === 'EIO') throw new OutputClosed();
      // Somebody else made the pipe non-blocking, and it is full.
      if (code !== 'EAGAIN') throw error;
      sleepMs(2);
    }
  }
}

function sleepMs(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
