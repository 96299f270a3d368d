import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import type { RuntimeFailure } from '../../model/event.ts';
import { err, ok, type Result } from '../../util/result.ts';
import { errnoSentence, opFailure } from './errno.ts';
import { encodeFrame, opAt, type SetupOp, type SetupProgram } from './frame.ts';
import { commandLine, describeProcess, parentOf } from './proc.ts';
import { type FrameKind, frameKind, reportKind, size } from './protocol.ts';
import { decodeReport, type Report } from './records.ts';
import { ulimitText } from './rlimits.ts';

export type LaunchOptions = {
  readonly shim: string;
  readonly lock: string;
  /** What the command is called, for those who will wait for it; absent: nobody is told. */
  readonly title?: string;
  /** How many containers with a network namespace of their own will probably be made. */
  readonly netns?: number;
};

export type LockOptions = {
  /** Called, once, when somebody else holds the lock; the pid is theirs, 0 when unknown. */
  readonly onWait: (pid: number) => void;
  readonly signal: AbortSignal;
};

export type Held = {
  readonly monitorPid: number;
  /** PID 1, when a living container was adopted. */
  readonly adopted?: number;
  /** With a START frame: how the start ends, which follows by itself. */
  readonly started?: Promise<Outcome>;
};

type Outcome = Result<void, RuntimeFailure>;

type Pending = {
  readonly kind: FrameKind;
  readonly program: SetupProgram;
  readonly warn: (message: string) => void;
  readonly settle: (result: Result<Held, RuntimeFailure>) => void;
  adopted?: number;
  /** Held, and about to start. */
  settleStart?: (outcome: Outcome) => void;
};

/** The shim as we see it. */
type Shim = {
  /** Absent: there was not even a descriptor left to start it with. */
  readonly input: Writable | undefined;
  readonly output: Readable | undefined;
  readonly kill: () => void;
  /** Resolves when the process is gone. */
  readonly exited: Promise<void>;
  /** Resolves when all that it has said was read, too, with how it ended. */
  readonly closed: Promise<string>;
};

/**
 * One shim process for a whole session, or for one after the other: it holds the project's lock, and forks a monitor for
 * every frame it is sent, which costs a fraction of what spawning from here would.
 */
export class Launcher {
  readonly #shim: Shim;
  readonly #pending = new Map<number, Pending>();
  #onWait: LockOptions['onWait'] = () => {};
  #nextId = 1;
  #rest: Buffer = Buffer.alloc(0);
  #onLock: ((result: Result<void, RuntimeFailure>) => void) | undefined;
  #ended: RuntimeFailure | undefined;
  #complaint = '';
  /** Resolves when the shim is gone, and the lock with it. */
  readonly over: Promise<void>;

  private constructor(shim: Shim) {
    this.#shim = shim;
    shim.output?.on('data', (bytes: Buffer) => this.#read(bytes));
    // Writing to a shim that is gone says EPIPE here; its end, which follows, is what counts.
    shim.input?.on('error', () => {});
    this.over = shim.closed.then((how) =>
      this.#end(shimFailure(`cannot go on: the shim ${how}`, this.#complaint.trim())),
    );
  }

  /** Starts the shim. Nothing is touched before it is asked for the lock, so that other things can be looked at meanwhile. */
  static start(options: LaunchOptions): Launcher {
    const child: ChildProcess = spawn(
      options.shim,
      ['launch', options.lock, ...(options.title === undefined ? [] : [options.title])],
      {
        stdio: ['pipe', 'pipe', 'pipe'],
        // Its monitors outlive us, and Ctrl-C in our terminal is not meant for them.
        detached: true,
        env: {},
        cwd: '/',
      },
    );
    const launcher = new Launcher({
      input: child.stdin ?? undefined,
      output: child.stdout ?? undefined,
      kill: () => child.kill('SIGKILL'),
      exited: new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.once('error', () => resolve());
      }),
      closed: new Promise((resolve) =>
        child.once('close', (code, signal) =>
          resolve(signal === null ? `ended with code ${code}` : `was killed by ${signal}`),
        ),
      ),
    });
    if (options.netns) child.stdin?.write(encodeFrame(frameKind.NETNS, options.netns, []));
    child.stderr?.on('data', (bytes: Buffer) => {
      if (launcher.#complaint.length < 4096) launcher.#complaint += bytes.toString();
    });
    child.on('error', (error) => launcher.#end(shimFailure(`cannot start ${options.shim}: ${error.message}`)));
    return launcher;
  }

  /** A shim that was started for us: its input and output are the other end of `socket`. It cannot outlive us. */
  static at(socket: Socket): Launcher {
    const closed = new Promise<string>((resolve) => socket.once('close', () => resolve('has ended')));
    const exited = closed.then(() => {});
    return new Launcher({ input: socket, output: socket, kill: () => socket.destroy(), exited, closed });
  }

  get isOver(): boolean {
    return this.#ended !== undefined;
  }

  /** Waits until the project is ours. Given up by its signal, the launcher is of no use any more. */
  lock({ onWait, signal }: LockOptions): Promise<Outcome> {
    this.#onWait = onWait;
    return new Promise((resolve) => {
      const abort = (): void => {
        this.#shim.kill();
        finish(
          err({ code: 'interrupted', message: 'cannot go on: interrupted while waiting for the project', notes: [] }),
        );
      };
      const finish = (result: Outcome): void => {
        signal.removeEventListener('abort', abort);
        this.#onLock = undefined;
        resolve(result);
      };
      if (this.#ended !== undefined) return finish(err(this.#ended));
      this.#onLock = finish;
      if (signal.aborted) return abort();
      signal.addEventListener('abort', abort);
      this.#shim.input?.write(encodeFrame(frameKind.LOCK, 0, []));
    });
  }

  /** Sends one container's program; settles when its monitor has performed HOLD, was refused, or was killed. */
  launch(
    kind: FrameKind,
    program: SetupProgram,
    options: { readonly warn: (message: string) => void },
  ): Promise<Result<Held, RuntimeFailure>> {
    if (this.#ended !== undefined) return Promise.resolve(err(this.#ended));
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#pending.set(id, { kind, program, warn: options.warn, settle: resolve });
      this.#shim.input?.write(encodeFrame(kind, id, program));
    });
  }

  /** Lets others have the project for a while. */
  yield(): void {
    this.#shim.input?.write(encodeFrame(frameKind.YIELD, 0, []));
  }

  /** Gives the lock back. Monitors live on. */
  async close(): Promise<void> {
    if (this.#ended !== undefined) return;
    this.#shim.input?.end();
    await this.#shim.exited;
    // A monitor whose start nobody waited for has the other end, too.
    this.#shim.output?.destroy();
  }

  #read(bytes: Buffer): void {
    let rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    for (; rest.length >= size.report; rest = rest.subarray(size.report)) {
      this.#take(decodeReport(rest.subarray(0, size.report)));
    }
    this.#rest = rest;
  }

  #take(report: Report): void {
    if (report.kind === reportKind.LOCKED) this.#onLock?.(ok(undefined));
    else if (report.kind === reportKind.LOCK_BUSY) this.#onWait(report.pid);
    else if (report.id === 0) this.#end(shimFailure(`cannot go on: ${report.text}: ${errnoSentence(report.error)}`));
    else this.#takeFor(this.#pending.get(report.id), report);
  }

  #takeFor(pending: Pending | undefined, report: Report): void {
    if (pending === undefined) return;
    if (report.kind === reportKind.WARNING) {
      const found = opAt(pending.program, report.op);
      if (found !== undefined) pending.warn(opWarning(found.op, report));
    } else if (report.kind === reportKind.ADOPTED) {
      pending.adopted = report.pid;
    } else if (report.kind === reportKind.HELD) {
      this.#held(pending, report);
    } else if (report.kind === reportKind.STARTED) {
      this.#conclude(report.id, pending, ok(undefined));
    } else if (report.kind === reportKind.FAILED) {
      this.#conclude(report.id, pending, err(reportedFailure(pending.program, report)));
    } else if (report.kind === reportKind.LOST) {
      this.#conclude(report.id, pending, err(lost));
    }
  }

  #held(pending: Pending, { id, pid }: Report): void {
    const adopted = pending.adopted === undefined ? {} : { adopted: pending.adopted };
    if (pending.kind !== frameKind.START) {
      this.#pending.delete(id);
      pending.settle(ok({ monitorPid: pid, ...adopted }));
      return;
    }
    const started = new Promise<Outcome>((resolve) => {
      pending.settleStart = resolve;
    });
    pending.settle(ok({ monitorPid: pid, started }));
  }

  /** The last word on a frame. */
  #conclude(id: number, { settle, settleStart }: Pending, outcome: Outcome): void {
    this.#pending.delete(id);
    if (settleStart !== undefined) settleStart(outcome);
    else if (!outcome.ok) settle(outcome);
  }

  #end(failure: RuntimeFailure): void {
    if (this.#ended !== undefined) return;
    this.#ended = failure;
    this.#onLock?.(err(failure));
    for (const [id, pending] of this.#pending) this.#conclude(id, pending, err(failure));
  }
}

/** Who has the lock, from the pid of its launcher: `tscompose stop` (pid 4711), which is the pid of the command itself. */
export function describeHolder(pid: number): string {
  const [, , , title] = commandLine(pid);
  return title === undefined ? describeProcess(pid) : `\`tscompose ${title}\` (pid ${parentOf(pid) ?? pid})`;
}

const lost: RuntimeFailure = {
  code: 'shim-failed',
  message: 'cannot go on: the monitor of the container was killed',
  notes: ['the next command finds out what became of it'],
};

function reportedFailure(program: SetupProgram, { op, error, text }: Report): RuntimeFailure {
  const found = opAt(program, op);
  if (found !== undefined) return opFailure({ op: found.op, errno: error, text });
  return shimFailure(`cannot hold the container: ${text === '' ? '' : `${text}: `}${errnoSentence(error)}`);
}

/** A clamped or left-out setting, in words. */
export function opWarning(op: SetupOp, report: Report): string {
  const { message } = opFailure({ op, errno: report.error, text: report.text });
  const inForce =
    op.kind === 'RLIMIT' || op.kind === 'OOM_SCORE'
      ? `; ${op.kind === 'RLIMIT' ? ulimitText(report.number) : report.number - 1000n} is in force`
      : '';
  const where = op.configPath === undefined ? '' : `${op.configPath}: `;
  return `${where}${message}${inForce}`;
}

const shimFailure = (message: string, complaint = ''): RuntimeFailure => ({
  code: 'shim-failed',
  message,
  notes: complaint === '' ? [] : [complaint],
});
