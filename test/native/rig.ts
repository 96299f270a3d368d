/** Hand-made frames for the real shim: what the TypeScript runtime plans is none of these tests' business. */
import { execFileSync } from 'node:child_process';
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
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeFrame, type SetupOp, type SetupProgram } from '../../src/runtime/linux/frame.ts';
import { frameKind } from '../../src/runtime/linux/protocol.ts';
import { killed } from '../support/leaks.ts';
import { CLONE, type Control, connect, Launcher, op, type Report, words } from './wire.ts';

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
        op('NET_SYSCTLS', [], 'ipv6/conf/default/accept_ra=0\0'),
        op('NETLINK', [16], '/run/router', blob),
        op('MKDIR', [0o755], '/sys/fs/cgroup/x'),
        op('WRITE', [1], '/sys/fs/cgroup/x/memory.max', '1'),
        op('CGROUP2', [], '/sys/fs/cgroup/x'),
        op('OOM_EVENTS', [2], '/sys/fs/cgroup/x/memory.events'),
        op('DEVICE_BPF', [], blob),
        op('NAMESPACES', [CLONE.NEWPID | CLONE.NEWNS]),
        op('STDIO', [1, 1]),
        op('INIT', [1]),
        op('SUPERVISOR', [0, 1, 1, 1], '/run/lock', 'a\0b\0', 'C=d\0', ''),
        op('ON_HANGUP', [], '/run/fifo', 'a\0b\0'),
        op('NOTIFY'),
        op('KEEPER', [], '/run/keeper.lock', '/run/keeper.sock'),
        op('PUT', [0o600], '/var/lib/x/record.json', '{}'),
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

  frame(kind: 'CONTAINER' | 'ADOPT' | 'START' = 'CONTAINER', program = this.program()): Buffer {
    return encodeFrame(frameKind[kind], 7, program);
  }

  /** To start what a CONTAINER frame has made. */
  startHeld(id: number): Buffer {
    return encodeFrame(frameKind.START_HELD, id, [{ phase: 'HOLD', ops: [op('STATE_DIR', [], this.state)] }]);
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

  /** Held, or held and started, by a launcher that stays for more. */
  async launch(kind: 'CONTAINER' | 'START' = 'CONTAINER'): Promise<{ launcher: Launcher; held: Report }> {
    const launcher = new Launcher(this.rig.shim);
    launcher.send(this.frame(kind));
    return { launcher, held: await launcher.next([3]) };
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
        killed(Number(pid));
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
