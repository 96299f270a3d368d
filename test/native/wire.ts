/** What the shim says and hears: reports, state records, the control socket, the launcher, exec. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createConnection, type Socket } from 'node:net';
import { encodeFrame, type SetupOp } from '../../src/runtime/linux/frame.ts';
import { frameKind, type OpName } from '../../src/runtime/linux/protocol.ts';
import { beside, codeOf } from '../support/child.ts';
import { later } from '../support/later.ts';

export const CLONE = { NEWNS: 0x20000, NEWCGROUP: 0x2000000, NEWUTS: 0x4000000, NEWIPC: 0x8000000, NEWPID: 0x20000000 };
export const SIGKILL = 9;
export const phases = { held: 1, starting: 2, running: 3, stopping: 4, paused: 5, exited: 6, failed: 7 } as const;

export const isRoot = process.getuid?.() === 0;

export type Report = {
  id: number;
  kind: number;
  phase: number;
  op: number;
  error: number;
  pid: number;
  number: bigint;
  text: string;
};

export type State = {
  initPid: number;
  monitorPid: number;
  initStart: bigint;
  phase: number;
  starts: number;
  status: number;
  exitKnown: boolean;
  oomKilled: boolean;
  stopRequested: boolean;
  failPhase: number;
  failKind: number;
  failError: number;
  failText: string;
  adoptions: number;
  dropped: bigint;
  startedBoot: bigint;
  finishedBoot: bigint;
};

export function op(kind: OpName, numbers: (number | bigint)[] = [], ...strings: (string | Uint8Array)[]): SetupOp {
  return { kind, numbers, strings };
}

const text = (bytes: Buffer) => bytes.toString('utf8', 0, bytes.indexOf(0) < 0 ? undefined : bytes.indexOf(0));

export function decodeReport(bytes: Buffer): Report {
  return {
    id: bytes.readUInt32LE(4),
    kind: bytes.readUInt16LE(8),
    phase: bytes.readUInt16LE(10),
    op: bytes.readUInt32LE(12),
    error: bytes.readInt32LE(16),
    pid: bytes.readInt32LE(20),
    number: bytes.readBigUInt64LE(24),
    text: text(bytes.subarray(32, 248)),
  };
}

export function decodeState(bytes: Buffer): State {
  return {
    monitorPid: bytes.readInt32LE(32),
    initPid: bytes.readInt32LE(36),
    initStart: bytes.readBigUInt64LE(48),
    startedBoot: bytes.readBigUInt64LE(80),
    finishedBoot: bytes.readBigUInt64LE(88),
    phase: bytes.readUInt32LE(96),
    starts: bytes.readUInt32LE(100),
    status: bytes.readInt32LE(104),
    exitKnown: bytes[108] === 1,
    oomKilled: bytes[109] === 1,
    stopRequested: bytes[110] === 1,
    failPhase: bytes.readUInt16LE(112),
    failKind: bytes.readUInt16LE(114),
    failError: bytes.readInt32LE(120),
    adoptions: bytes.readUInt32LE(124),
    dropped: bytes.readBigUInt64LE(128),
    failText: text(bytes.subarray(136, 248)),
  };
}

const controlOps = { STATUS: 1, START: 2, STOP: 3, KILL: 4, QUIT: 5, PAUSE: 6, UNPAUSE: 7, SUBSCRIBE: 8, WAIT: 9 };
type ControlOp = keyof typeof controlOps;

export class Control {
  readonly socket: Socket;
  readonly replies: { op: number; error: number; state: State }[] = [];
  closed = false;
  private bytes = Buffer.alloc(0);
  private wake: (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (more) => this.take(more));
    socket.on('close', () => {
      this.closed = true;
      this.ring();
    });
    socket.on('error', () => {});
  }

  private ring() {
    for (const wake of this.wake.splice(0)) wake();
  }

  private take(more: Buffer) {
    this.bytes = Buffer.concat([this.bytes, more]);
    for (; this.bytes.length >= 264; this.bytes = this.bytes.subarray(264)) {
      const state = decodeState(this.bytes.subarray(8, 264));
      this.replies.push({ op: this.bytes.readUInt16LE(4), error: this.bytes.readUInt16LE(6), state });
    }
    this.ring();
  }

  send(name: ControlOp, a = 0, b: number | bigint = 0) {
    const request = Buffer.alloc(24);
    request.writeUInt32LE(24, 0);
    request.writeUInt16LE(controlOps[name], 4);
    request.writeBigUInt64LE(BigInt(a), 8);
    request.writeBigUInt64LE(BigInt(b), 16);
    this.socket.write(request);
  }

  /** Takes the next reply that `matches`; what came before it is dropped. */
  async next(matches: (reply: { op: number; error: number; state: State }) => boolean = () => true) {
    const until = Date.now() + 20_000;
    for (;;) {
      const reply = this.replies.shift();
      if (reply !== undefined && matches(reply)) return reply;
      if (reply !== undefined) continue;
      if (this.closed) throw new Error('the monitor closed the socket');
      await new Promise<void>((done, fail) => {
        const timer = setTimeout(() => fail(new Error('no reply within 20 s')), until - Date.now());
        this.wake.push(() => {
          clearTimeout(timer);
          done();
        });
      });
    }
  }

  async ask(name: ControlOp, a = 0, b: number | bigint = 0) {
    this.send(name, a, b);
    return this.next((reply) => reply.op === controlOps[name]);
  }

  close() {
    this.socket.destroy();
  }
}

export function connect(path: string): Promise<Control> {
  return new Promise((done, fail) => {
    const socket = createConnection(path);
    socket.once('error', fail);
    socket.once('connect', () => done(new Control(socket)));
  });
}

/** A launcher, its reports as they come. */
export class Launcher {
  readonly child: ChildProcess;
  readonly reports: Report[] = [];
  readonly ended: Promise<void>;
  private wake: (() => void)[] = [];
  over = false;

  constructor(shim: string, lock = '-') {
    this.child = beside(
      spawn(
        process.env['TSC_STRACE'] ? 'strace' : shim,
        process.env['TSC_STRACE'] ? ['-f', '-o', process.env['TSC_STRACE'], shim, 'launch', lock] : ['launch', lock],
        { stdio: ['pipe', 'pipe', 'inherit'], detached: true },
      ),
    );
    let bytes = Buffer.alloc(0);
    this.ended = new Promise((done) => {
      this.child.stdout?.on('data', (more: Buffer) => {
        bytes = Buffer.concat([bytes, more]);
        for (; bytes.length >= 248; bytes = bytes.subarray(248)) this.reports.push(decodeReport(bytes));
        for (const wake of this.wake.splice(0)) wake();
      });
      this.child.stdout?.on('close', () => {
        this.over = true;
        for (const wake of this.wake.splice(0)) wake();
        done();
      });
    });
    if (lock !== '-') this.send(encodeFrame(frameKind.LOCK, 0, []));
  }

  send(frame: Buffer) {
    this.child.stdin?.write(frame);
  }

  close() {
    this.child.stdin?.end();
  }

  async leave() {
    this.close();
    await this.ended;
  }

  async next(kinds: number[]): Promise<Report> {
    const until = Date.now() + 20_000;
    for (;;) {
      const at = this.reports.findIndex((report) => kinds.includes(report.kind));
      const found = at < 0 ? undefined : this.reports.splice(at, 1)[0];
      if (found !== undefined) return found;
      if (this.over) throw new Error('the launcher ended without that report');
      await new Promise<void>((done, fail) => {
        const timer = setTimeout(() => fail(new Error('no report within 20 s')), until - Date.now());
        this.wake.push(() => {
          clearTimeout(timer);
          done();
        });
      });
    }
  }
}

/** NUL-terminated strings, as vectors are written in a frame. */
export const words = (list: string[]) => list.map((word) => `${word}\0`).join('');

export type ExecResult = {
  /** null: the shim itself was killed. */ code: number | null;
  stdout: string;
  stderr: string;
  reports: Report[];
};

export type ExecOptions = {
  argv: string[];
  cgroup?: string;
  tty?: boolean;
  ops?: SetupOp[];
  attach?: SetupOp[];
  input?: string;
  signal?: NodeJS.Signals;
  /** The cgroup was never killed: the new process is born in it. */
  bornInside?: boolean;
  /** A command that runs the shim, with its arguments. */
  through?: string[];
  /** Who is said to have started it, and to stay; 0: nobody. */
  caller?: number;
  /** A descriptor for its output instead of a pipe that is read. */
  stdout?: number;
};

/** `tsc-shim exec` with pipes for stdio; some tests await it after other things. */
export const execIn = (shim: string, state: State, options: ExecOptions): Promise<ExecResult> =>
  later(exec(shim, state, options));

async function exec(shim: string, state: State, options: ExecOptions): Promise<ExecResult> {
  const { caller = options.through === undefined ? process.pid : 0 } = options;
  const frame = encodeFrame(frameKind.EXEC, 9, [
    {
      phase: 'HOLD',
      ops: [
        op('JOIN', [state.initPid, state.initStart, options.bornInside ? 1 : 0], options.cgroup ?? ''),
        op('EXEC_TTY', [options.tty ? 1 : 0, caller]),
      ],
    },
    { phase: 'ATTACH', ops: options.attach ?? [] },
    {
      phase: 'PROCESS',
      ops: [
        op('CWD', [0], '/'),
        ...(options.ops ?? []),
        op('ENV', [], words(['PATH=/bin'])),
        op('EXEC', [], words(options.argv)),
      ],
    },
  ]);
  const [program = shim, ...rest] = [...(options.through ?? []), shim, 'exec'];
  const child = beside(spawn(program, rest, { stdio: ['pipe', options.stdout ?? 'pipe', 'pipe', 'pipe', 'pipe'] }));
  const read = (stream: NodeJS.ReadableStream | null) => {
    const parts: Buffer[] = [];
    stream?.on('data', (part: Buffer) => parts.push(part));
    return parts;
  };
  const out = read(child.stdout);
  const err = read(child.stderr);
  const said = read(child.stdio[4] as NodeJS.ReadableStream);
  (child.stdio[3] as NodeJS.WritableStream).on('error', () => {}).end(frame);
  if (options.input !== undefined) child.stdin?.end(options.input);
  if (options.signal !== undefined) {
    const signal = options.signal;
    child.stdout?.once('data', () => child.kill(signal));
  }
  await codeOf(child);
  const bytes = Buffer.concat(said);
  const reports = Array.from({ length: bytes.length / 248 }, (_, i) => decodeReport(bytes.subarray(i * 248)));
  return {
    code: child.exitCode,
    stdout: Buffer.concat(out).toString(),
    stderr: Buffer.concat(err).toString(),
    reports,
  };
}

/** Polls until `probe` gives something; for what the kernel tells nobody. */
export async function until<T>(probe: () => T | undefined | false): Promise<T> {
  const end = Date.now() + 15_000;
  for (;;) {
    const value = probe();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error('it did not come true within 15 s');
    await new Promise((done) => setTimeout(done, 5));
  }
}
