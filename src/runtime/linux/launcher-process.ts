import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, readSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { size } from './protocol.ts';

/** The process behind a `Launcher`: frames go in, reports come out. */
export type LauncherProcess = {
  readonly write: (frame: Uint8Array) => void;
  /** Nothing more will be written: it ends. */
  readonly end: () => void;
  /** Who is told all that it says; asked for once, before anything is written. */
  readonly hear: (take: (bytes: Buffer) => void) => void;
  /** Waits for what it says to the frame just written, which it must do at once; undefined: `hear` will be told. */
  readonly answer: () => Buffer | undefined;
  /** Nobody hears it any more, even where a process that it has made could still speak. */
  readonly leave: () => void;
  readonly kill: () => void;
  /** Resolves when the process is gone. */
  readonly exited: Promise<void>;
  /** Resolves when all that it has said was heard, too, with how it ended. */
  readonly closed: Promise<string>;
};

export type SpawnOptions = {
  readonly shim: string;
  readonly argv: readonly string[];
  /** What it complains about. */
  readonly complain: (text: string) => void;
  /** It cannot be started at all. */
  readonly onError: (message: string) => void;
};

export function spawnLauncher({ shim, argv, complain, onError }: SpawnOptions): LauncherProcess {
  const child: ChildProcess = spawn(shim, argv, {
    stdio: ['pipe', 'pipe', 'pipe'],
    // Its monitors outlive us, and Ctrl-C in our terminal is not meant for them.
    detached: true,
    env: {},
    cwd: '/',
  });
  // Absent, all three: there was not even a descriptor left to start it with.
  const { stdin, stdout, stderr } = child;
  // Writing to a shim that is gone says EPIPE here; its end, which follows, is what counts.
  stdin?.on('error', () => {});
  stderr?.on('data', (bytes: Buffer) => complain(bytes.toString()));
  child.on('error', (error) => onError(error.message));
  return {
    write: (frame) => void stdin?.write(frame),
    end: () => void stdin?.end(),
    hear: (take) => void stdout?.on('data', take),
    answer: () => undefined,
    leave: () => void stdout?.destroy(),
    kill: () => void child.kill('SIGKILL'),
    exited: new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    }),
    closed: new Promise((resolve) =>
      child.once('close', (code, signal) =>
        resolve(signal === null ? `ended with code ${code}` : `was killed by ${signal}`),
      ),
    ),
  };
}

/** Whoever was told to start a container, or is about to be, wants the processors more than we do. */
export const restMs = 10;

/**
 * One that this process was started with: `fd` is a socket to its input and output. It cannot outlive us.
 *
 * Whoever finds one was woken to bring a container back, and node:net takes longer to load than all that has to be said to
 * the launcher for that: until then it is talked to by plain reads and writes.
 */
export function inheritedLauncher(fd: number): LauncherProcess {
  let socket: Socket | undefined;
  let take: (bytes: Buffer) => void = () => {};
  let isOver = false;
  let soon: NodeJS.Timeout | undefined;
  let tellClosed: (how: string) => void;
  const closed = new Promise<string>((resolve) => {
    tellClosed = resolve;
  });
  const over = (): void => {
    isOver = true;
    tellClosed('has ended');
  };
  const listen = (): void => {
    if (isOver || socket !== undefined) return;
    socket = new Socket({ fd, readable: true, writable: true });
    socket.on('data', take);
    socket.on('error', () => {});
    socket.once('close', over);
  };
  const close = (): void => {
    clearTimeout(soon);
    if (socket !== undefined) return void socket.destroy();
    if (!isOver) closeSync(fd);
    over();
  };
  return {
    write: (frame) => {
      if (socket !== undefined) return void socket.write(frame);
      try {
        if (!isOver) writeSync(fd, frame);
      } catch {
        // It is gone, which is told by its end.
      }
      soon ??= setTimeout(listen, restMs);
    },
    end: () => (socket === undefined ? close() : void socket.end()),
    hear: (taker) => {
      take = taker;
    },
    answer: () => {
      if (socket !== undefined || isOver) return undefined;
      const bytes = Buffer.allocUnsafe(size.report);
      try {
        return bytes.subarray(0, readSync(fd, bytes));
      } catch {
        return undefined;
      }
    },
    leave: close,
    kill: close,
    exited: closed.then(() => {}),
    closed,
  };
}
