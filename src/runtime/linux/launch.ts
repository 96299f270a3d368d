import type { RuntimeFailure } from '../../model/event.ts';
import { err, ok, type Result } from '../../util/result.ts';
import { errnoSentence, opFailure } from './errno.ts';
import { encodeFrame, opAt, type SetupOp, type SetupProgram } from './frame.ts';
import { inheritedLauncher, type LauncherProcess, spawnLauncher } from './launcher-process.ts';
import { commandLine, describeProcess, parentOf } from './proc.ts';
import { type FrameKind, frameKind, phase as phaseNumber, reportKind, size } from './protocol.ts';
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

/** How the monitor of a held container has answered when it was asked to start it. */
export type StartAnswer =
  | { readonly kind: 'started' }
  /** The request was: EBUSY when it runs already. */
  | { readonly kind: 'refused'; readonly errno: number }
  /** The container's state says how. */
  | { readonly kind: 'failed' };

/**
 * One shim process for a whole session, or for one after the other: it holds the project's lock, and forks a monitor for
 * every frame it is sent, which costs a fraction of what spawning from here would.
 */
export class Launcher {
  readonly #process: LauncherProcess;
  readonly #pending = new Map<number, Pending>();
  readonly #starts = new Map<number, (answer: Result<StartAnswer, RuntimeFailure>) => void>();
  #onWait: LockOptions['onWait'] = () => {};
  #nextId = 1;
  #rest: Buffer = Buffer.alloc(0);
  #onLock: ((result: Result<void, RuntimeFailure>) => void) | undefined;
  #ended: RuntimeFailure | undefined;
  #complaint = '';
  /** Resolves when the shim is gone, and the lock with it. */
  readonly over: Promise<void>;

  private constructor(make: (launcher: Launcher) => LauncherProcess) {
    this.#process = make(this);
    this.#process.hear((bytes) => this.#read(bytes));
    this.over = this.#process.closed.then((how) =>
      this.#end(shimFailure(`cannot go on: the shim ${how}`, this.#complaint.trim())),
    );
  }

  /** Starts the shim. Nothing is touched before it is asked for the lock, so that other things can be looked at meanwhile. */
  static start({ shim, lock, title, netns }: LaunchOptions): Launcher {
    const launcher = new Launcher((it) =>
      spawnLauncher({
        shim,
        argv: ['launch', lock, ...(title === undefined ? [] : [title])],
        complain: (text) => {
          if (it.#complaint.length < 4096) it.#complaint += text;
        },
        onError: (message) => it.#end(shimFailure(`cannot start ${shim}: ${message}`)),
      }),
    );
    if (netns) launcher.#process.write(encodeFrame(frameKind.NETNS, netns, []));
    return launcher;
  }

  /** The one that this process was started with, at the other end of `fd`. */
  static at(fd: number): Launcher {
    return new Launcher(() => inheritedLauncher(fd));
  }

  get isOver(): boolean {
    return this.#ended !== undefined;
  }

  /** Waits until the project is ours. Given up by its signal, the launcher is of no use any more. */
  lock({ onWait, signal }: LockOptions): Promise<Outcome> {
    this.#onWait = onWait;
    return new Promise((resolve) => {
      const abort = (): void => {
        this.#process.kill();
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
      this.#process.write(encodeFrame(frameKind.LOCK, 0, []));
      const answer = this.#process.answer();
      if (answer !== undefined) this.#read(answer);
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
      this.#process.write(encodeFrame(kind, id, program));
    });
  }

  /**
   * Has a container started whose monitor is there; `stateDir` is where that one listens. By way of the shim, because a
   * supervisor that was just woken cannot open a socket as fast.
   */
  startHeld(stateDir: string): Promise<Result<StartAnswer, RuntimeFailure>> {
    if (this.#ended !== undefined) return Promise.resolve(err(this.#ended));
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#starts.set(id, resolve);
      const program = [{ phase: 'HOLD', ops: [{ kind: 'STATE_DIR', numbers: [], strings: [stateDir] }] }] as const;
      this.#process.write(encodeFrame(frameKind.START_HELD, id, program));
    });
  }

  /** Lets others have the project for a while. */
  yield(): void {
    this.#process.write(encodeFrame(frameKind.YIELD, 0, []));
  }

  /** Gives the lock back. Monitors live on. */
  async close(): Promise<void> {
    if (this.#ended !== undefined) return;
    this.#process.end();
    await this.#process.exited;
    // A monitor whose start nobody waited for has the other end, too.
    this.#process.leave();
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
    else if (this.#starts.has(report.id)) this.#settleStart(report.id, answerOf(report));
    else this.#takeFor(this.#pending.get(report.id), report);
  }

  #settleStart(id: number, answer: Result<StartAnswer, RuntimeFailure>): void {
    const settle = this.#starts.get(id);
    this.#starts.delete(id);
    settle?.(answer);
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
    for (const id of this.#starts.keys()) this.#settleStart(id, err(failure));
  }
}

/** Who has the lock, from the pid of its launcher: `tscompose stop` (pid 4711), which is the pid of the command itself. */
export function describeHolder(pid: number): string {
  const [, , , title] = commandLine(pid);
  return title === undefined ? describeProcess(pid) : `\`tscompose ${title}\` (pid ${parentOf(pid) ?? pid})`;
}

function answerOf({ kind, phase, error }: Report): Result<StartAnswer, RuntimeFailure> {
  if (kind === reportKind.STARTED) return ok({ kind: 'started' });
  if (kind === reportKind.LOST) return err(lost);
  return ok(phase === phaseNumber.NONE ? { kind: 'refused', errno: error } : { kind: 'failed' });
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
