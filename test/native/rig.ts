/** Hand-made frames for the real shim: what the TypeScript runtime plans is none of these tests' business. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeFrame, type SetupOp, type SetupProgram } from '../../src/runtime/linux/frame.ts';
import { frameKind, type OpName } from '../../src/runtime/linux/protocol.ts';

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
    failText: text(bytes.subarray(136, 252)),
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
    this.child = spawn(
      process.env['TSC_STRACE'] ? 'strace' : shim,
      process.env['TSC_STRACE'] ? ['-f', '-o', process.env['TSC_STRACE'], shim, 'launch', lock] : ['launch', lock],
      { stdio: ['pipe', 'pipe', 'inherit'], detached: true },
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
  }

  send(frame: Buffer) {
    this.child.stdin?.write(frame);
  }

  close() {
    this.child.stdin?.end();
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

export type ContainerOptions = {
  argv: string[];
  env?: string[];
  hold?: SetupOp[];
  attach?: SetupOp[];
  setup?: SetupOp[];
  process?: SetupOp[];
  cleanup?: SetupOp[];
  init?: boolean;
  tty?: boolean;
  stdin?: boolean;
  log?: [bytes: number, files: number];
  logDir?: string;
  cgroup?: boolean;
  lowers?: string[];
};

const words = (list: string[]) => list.map((word) => `${word}\0`).join('');

const unified = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((dir) => existsSync(join(dir, 'cgroup.controllers')));
export const cgroup2 = unified ?? '';

/** One op of every kind a container has, for tests that only decode. */
export function sampleProgram(): SetupProgram {
  const blob = new Uint8Array(64).fill(7);
  const groups = new Uint8Array(8);
  return [
    {
      phase: 'HOLD',
      ops: [
        op('STATE_DIR', [], '/run/x'),
        op('LOG', [10_000_000, 3], '/var/log/x'),
        op('NETNS', [1]),
        op('LO_UP'),
        op('MKDIR', [0o755], '/sys/fs/cgroup/x'),
        op('WRITE', [1], '/sys/fs/cgroup/x/memory.max', '1'),
        op('CGROUP2', [], '/sys/fs/cgroup/x'),
        op('OOM_EVENTS', [2], '/sys/fs/cgroup/x/memory.events'),
        op('DEVICE_BPF', [], blob),
        op('NAMESPACES', [CLONE.NEWPID | CLONE.NEWNS]),
        op('STDIO', [1, 1]),
        op('INIT', [1]),
        op('ON_EXIT', [], '/run/lock', 'a\0b\0', 'C=d\0'),
      ],
    },
    {
      phase: 'ATTACH',
      ops: [op('ATTACH', [], '/sys/fs/cgroup/y/tasks'), op('RLIMIT', [7, 1, 2]), op('OOM_SCORE', [1000])],
    },
    {
      phase: 'SETUP',
      ops: [
        op('CGROUPNS'),
        op('TIMENS', [1, -5n & 0xffff_ffff_ffff_ffffn]),
        op('ROOT_OVERLAY', [0], '/a\0/b\0', '/u', '/w'),
        op('MOUNT', [1], 'tmpfs', 'tmpfs', '/tmp', 'size=1m'),
        op('BIND', [1, 0], '/a', '/b'),
        op('MKNOD', [0o020666, 1, 3, 0, 0], '/dev/null'),
        op('FILE', [0o644, 0, 0], '/etc/x', blob),
        op('PIVOT'),
        op('MASK', [], '/proc/kcore'),
      ],
    },
    {
      phase: 'PROCESS',
      ops: [
        op('UMASK', [0o22]),
        op('USER', [1, 1], groups),
        op('CAPS', [1, 2, 3, 4]),
        op('SECCOMP', [0], blob),
        op('ENV', [], 'A=b\0C=\0'),
        op('EXEC', [], 'sh\0-c\0echo\0'),
      ],
    },
    { phase: 'CLEANUP', ops: [op('RMDIR', [1], '/sys/fs/cgroup/x')] },
  ];
}

/** Everything one test file needs; `close` takes it all away again. */
export class Rig {
  readonly dir = mkdtempSync(join(tmpdir(), 'tsc-native-'));
  readonly shim: string;
  readonly rootfs = join(this.dir, 'rootfs');
  private count = 0;
  private readonly made: Container[] = [];

  constructor(shim: string) {
    this.shim = shim;
    for (const name of ['bin', 'proc', 'sys', 'dev', 'tmp', 'etc'])
      mkdirSync(join(this.rootfs, name), { recursive: true });
    copyFileSync('/bin/busybox', join(this.rootfs, 'bin/busybox'));
    const applets =
      'sh cat echo ls sleep id env head tail dd true false stat mount hostname kill ps touch mkdir wc tty stty ln rm mknod chmod readlink date test seq yes grep printf od unlink';
    for (const name of applets.split(' ')) symlinkSync('busybox', join(this.rootfs, 'bin', name));
  }

  container(options: ContainerOptions): Container {
    const container = new Container(this, `c${++this.count}`, options);
    this.made.push(container);
    return container;
  }

  async close() {
    for (const container of this.made) await container.remove();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export class Container {
  readonly state: string;
  readonly log: string;
  readonly cgroup: string;
  readonly options: ContainerOptions;
  private readonly rig: Rig;
  private readonly upper: string;

  constructor(rig: Rig, name: string, options: ContainerOptions) {
    this.rig = rig;
    this.options = options;
    this.state = join(rig.dir, name, 'state');
    this.log = options.logDir ?? join(rig.dir, name, 'log');
    this.upper = join(rig.dir, name, 'layer');
    this.cgroup = options.cgroup === false || cgroup2 === '' ? '' : `${cgroup2}/tsc-native-${process.pid}/${name}`;
    for (const dir of [this.state, this.log, `${this.upper}/upper`, `${this.upper}/work`])
      mkdirSync(dir, { recursive: true });
  }

  frame(kind: 'CONTAINER' | 'ADOPT' = 'CONTAINER', program = this.program()): Buffer {
    return encodeFrame(frameKind[kind], 7, program);
  }

  program(): SetupProgram {
    const o = this.options;
    const flags = CLONE.NEWNS | CLONE.NEWUTS | CLONE.NEWIPC | CLONE.NEWPID;
    return [
      {
        phase: 'HOLD',
        ops: [
          op('STATE_DIR', [], this.state),
          op('LOG', o.log ?? [0, 1], this.log),
          op('NETNS', [1]),
          op('LO_UP'),
          ...(this.cgroup ? [op('MKDIR', [0o755], this.cgroup), op('CGROUP2', [], this.cgroup)] : []),
          op('NAMESPACES', [flags]),
          op('STDIO', [o.tty ? 1 : 0, o.stdin ? 1 : 0]),
          op('INIT', [o.init === false ? 0 : 1]),
          ...(o.hold ?? []),
        ],
      },
      { phase: 'ATTACH', ops: o.attach ?? [] },
      { phase: 'SETUP', ops: [...this.setup(), ...(o.setup ?? [])] },
      {
        phase: 'PROCESS',
        ops: [
          op('CWD', [1], '/'),
          ...(o.process ?? []),
          op('ENV', [], words(o.env ?? ['PATH=/bin', 'TERM=xterm'])),
          op('EXEC', [], words(o.argv)),
        ],
      },
      { phase: 'CLEANUP', ops: [...(o.cleanup ?? []), ...(this.cgroup ? [op('RMDIR', [0], this.cgroup)] : [])] },
    ];
  }

  private setup(): SetupOp[] {
    const nodes: [string, number, number][] = [
      ['null', 1, 3],
      ['zero', 1, 5],
      ['full', 1, 7],
      ['random', 1, 8],
      ['urandom', 1, 9],
      ['tty', 5, 0],
    ];
    return [
      op('CGROUPNS'),
      op(
        'ROOT_OVERLAY',
        [0],
        words(this.options.lowers ?? [this.rig.rootfs]),
        `${this.upper}/upper`,
        `${this.upper}/work`,
      ),
      op('MOUNT', [14], 'proc', 'proc', '/proc', ''),
      op('MOUNT', [2 | (1 << 24)], 'tmpfs', 'tmpfs', '/dev', 'mode=755,size=65536k'),
      ...nodes.map(([name, major, minor]) => op('MKNOD', [0o020666, major, minor, 0, 0], `/dev/${name}`)),
      op('MKDIR_IN', [0o755, 0, 0], '/dev/pts'),
      op('MOUNT', [10], 'devpts', 'devpts', '/dev/pts', 'newinstance,ptmxmode=0666,mode=0620,gid=5'),
      op('SYMLINK', [], 'pts/ptmx', '/dev/ptmx'),
      op('SYMLINK', [], '/proc/self/fd', '/dev/fd'),
      op('SYMLINK', [], '/proc/self/fd/1', '/dev/stdout'),
      op('MOUNT', [14], 'tmpfs', 'shm', '/dev/shm', 'mode=1777,size=65536k'),
      op('MOUNT', [14], 'mqueue', 'mqueue', '/dev/mqueue', ''),
      op('MOUNT', [15], 'sysfs', 'sysfs', '/sys', ''),
      ...(this.options.tty ? [op('CONSOLE')] : []),
      op('PIVOT'),
      op('HOSTNAME', [], 'guest'),
    ];
  }

  async hold(kind: 'CONTAINER' | 'ADOPT' = 'CONTAINER', program = this.program()): Promise<Report> {
    const launcher = new Launcher(this.rig.shim);
    launcher.send(this.frame(kind, program));
    launcher.close();
    const report = await launcher.next([3, 4]);
    await launcher.ended;
    if (report.kind === 4)
      throw new Error(`refused: ${JSON.stringify(report, (_, v) => (typeof v === 'bigint' ? `${v}` : v))}`);
    return report;
  }

  control(): Promise<Control> {
    return connect(join(this.state, 'ctl.sock'));
  }

  /** Create, start, wait for the end; the state then and what it wrote. */
  async run(program = this.program()) {
    await this.hold('CONTAINER', program);
    const control = await this.control();
    const started = await control.ask('START');
    const { state } = await control.ask('WAIT');
    control.close();
    return { started: started.state, state, output: this.output() };
  }

  output(): string {
    return existsSync(join(this.log, 'log')) ? readFileSync(join(this.log, 'log'), 'utf8') : '';
  }

  entries() {
    const bytes = readFileSync(join(this.log, 'index'));
    return Array.from({ length: bytes.length / 24 }, (_, i) => ({
      offset: bytes.readBigUInt64LE(i * 24),
      length: bytes.readUInt32LE(i * 24 + 16),
      stream: bytes[i * 24 + 20],
      flags: bytes[i * 24 + 21] ?? 0,
      start: bytes.readUInt16LE(i * 24 + 22),
    }));
  }

  async remove() {
    if (existsSync(join(this.state, 'ctl.sock'))) {
      try {
        const control = await this.control();
        await control.ask('QUIT');
        control.close();
      } catch {
        // its monitor was killed by the test; what it left is below
      }
    }
    if (this.cgroup && existsSync(this.cgroup)) {
      for (const pid of readFileSync(join(this.cgroup, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)) {
        process.kill(Number(pid), 'SIGKILL');
      }
      for (let i = 0; i < 100 && existsSync(this.cgroup); i++) {
        try {
          execFileSync('rmdir', [this.cgroup], { stdio: 'ignore' });
        } catch {
          await new Promise((done) => setTimeout(done, 10));
        }
      }
    }
    const parent = join(this.cgroup, '..');
    if (
      this.cgroup &&
      existsSync(parent) &&
      readdirSync(parent, { withFileTypes: true }).every((e) => !e.isDirectory())
    ) {
      execFileSync('rmdir', [parent], { stdio: 'ignore' });
    }
  }
}

export type ExecResult = { code: number | null; stdout: string; stderr: string; reports: Report[] };

/** `tsc-shim exec` with pipes for stdio. */
export async function execIn(
  shim: string,
  state: State,
  options: {
    argv: string[];
    cgroup?: string;
    tty?: boolean;
    ops?: SetupOp[];
    attach?: SetupOp[];
    input?: string;
    signal?: NodeJS.Signals;
  },
): Promise<ExecResult> {
  const frame = encodeFrame(frameKind.EXEC, 9, [
    {
      phase: 'HOLD',
      ops: [op('JOIN', [state.initPid, state.initStart], options.cgroup ?? ''), op('EXEC_TTY', [options.tty ? 1 : 0])],
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
  const child = spawn(shim, ['exec'], { stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'] });
  const read = (stream: NodeJS.ReadableStream | null) => {
    const parts: Buffer[] = [];
    stream?.on('data', (part: Buffer) => parts.push(part));
    return parts;
  };
  const out = read(child.stdout);
  const err = read(child.stderr);
  const said = read(child.stdio[4] as NodeJS.ReadableStream);
  (child.stdio[3] as NodeJS.WritableStream).end(frame);
  if (options.input !== undefined) child.stdin?.end(options.input);
  if (options.signal !== undefined) {
    const signal = options.signal;
    child.stdout?.once('data', () => child.kill(signal));
  }
  const code = await new Promise<number | null>((done) => child.on('close', done));
  const bytes = Buffer.concat(said);
  const reports = Array.from({ length: bytes.length / 248 }, (_, i) => decodeReport(bytes.subarray(i * 248)));
  return { code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString(), reports };
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
