import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
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
  /** Called, once, when somebody else holds the lock; the pid is theirs, 0 when unknown. */
  readonly onWait: (pid: number) => void;
  readonly signal: AbortSignal;
};

export type Held = {
  readonly monitorPid: number /** PID 1, when a living container was adopted. */;
  readonly adopted?: number;
};

type Pending = {
  readonly program: SetupProgram;
  readonly warn: (message: string) => void;
  readonly settle: (result: Result<Held, RuntimeFailure>) => void;
  adopted?: number;
};

/**
 * One shim process for a whole session: it holds the project's lock, and forks a monitor for every frame it is sent, which
 * costs a fraction of what spawning from here would.
 */
export class Launcher {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  readonly #options: LaunchOptions;
  #nextId = 1;
  #rest: Buffer = Buffer.alloc(0);
  #onLock: ((result: Result<void, RuntimeFailure>) => void) | undefined;
  #ended: RuntimeFailure | undefined;
  #complaint = '';
  /** Resolves when the shim is gone, and the lock with it. */
  readonly over: Promise<void>;

  private constructor(child: ChildProcess, options: LaunchOptions) {
    this.#child = child;
    this.#options = options;
    child.stdout?.on('data', (bytes: Buffer) => this.#read(bytes));
    child.stderr?.on('data', (bytes: Buffer) => {
      if (this.#complaint.length < 4096) this.#complaint += bytes.toString();
    });
    // Writing to a shim that is gone says EPIPE here; its end, which follows, is what counts.
    child.stdin?.on('error', () => {});
    this.over = new Promise((resolve) => child.once('close', () => resolve()));
    child.on('error', (error) => this.#end(shimFailure(`cannot start ${options.shim}: ${error.message}`)));
    child.on('close', (code, signal) => {
      const how = signal === null ? `ended with code ${code}` : `was killed by ${signal}`;
      this.#end(shimFailure(`cannot go on: the shim ${how}`, this.#complaint.trim()));
    });
  }

  /** Starts the shim and waits until it has the lock. */
  static async open(options: LaunchOptions): Promise<Result<Launcher, RuntimeFailure>> {
    const child = spawn(
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
    const launcher = new Launcher(child, options);
    const locked = await launcher.#locked();
    return locked.ok ? ok(launcher) : locked;
  }

  #locked(): Promise<Result<void, RuntimeFailure>> {
    return new Promise((resolve) => {
      const abort = (): void => {
        this.#child.kill('SIGKILL');
        finish(
          err({ code: 'interrupted', message: 'cannot go on: interrupted while waiting for the project', notes: [] }),
        );
      };
      const finish = (result: Result<void, RuntimeFailure>): void => {
        this.#options.signal.removeEventListener('abort', abort);
        this.#onLock = undefined;
        resolve(result);
      };
      this.#onLock = finish;
      if (this.#options.signal.aborted) abort();
      else this.#options.signal.addEventListener('abort', abort);
    });
  }

  /** Sends one container's program; settles when its monitor has performed HOLD, or was refused. */
  launch(
    kind: FrameKind,
    program: SetupProgram,
    options: { readonly warn: (message: string) => void },
  ): Promise<Result<Held, RuntimeFailure>> {
    if (this.#ended !== undefined) return Promise.resolve(err(this.#ended));
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#pending.set(id, { program, warn: options.warn, settle: resolve });
      this.#child.stdin?.write(encodeFrame(kind, id, program));
    });
  }

  /** Lets others have the project for a while. */
  yield(): void {
    this.#child.stdin?.write(encodeFrame(frameKind.YIELD, 0, []));
  }

  /** Waits until the project is ours again. */
  async relock(): Promise<Result<void, RuntimeFailure>> {
    if (this.#ended !== undefined) return err(this.#ended);
    const locked = this.#locked();
    this.#child.stdin?.write(encodeFrame(frameKind.LOCK, 0, []));
    return locked;
  }

  /** Gives the lock back. Monitors live on. */
  async close(): Promise<void> {
    if (this.#ended !== undefined) return;
    this.#child.stdin?.end();
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'close');
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
    else if (report.kind === reportKind.LOCK_BUSY) this.#options.onWait(report.pid);
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
      this.#pending.delete(report.id);
      const adopted = pending.adopted === undefined ? {} : { adopted: pending.adopted };
      pending.settle(ok({ monitorPid: report.pid, ...adopted }));
    } else if (report.kind === reportKind.FAILED) {
      this.#pending.delete(report.id);
      pending.settle(err(reportedFailure(pending.program, report)));
    }
  }

  #end(failure: RuntimeFailure): void {
    if (this.#ended !== undefined) return;
    this.#ended = failure;
    this.#onLock?.(err(failure));
    for (const pending of this.#pending.values()) pending.settle(err(failure));
    this.#pending.clear();
  }
}

/** Who has the lock, from the pid of its launcher: `tscompose stop` (pid 4711), which is the pid of the command itself. */
export function describeHolder(pid: number): string {
  const [, , , title] = commandLine(pid);
  return title === undefined ? describeProcess(pid) : `\`tscompose ${title}\` (pid ${parentOf(pid) ?? pid})`;
}

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
