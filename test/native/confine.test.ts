import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildNative } from '../../scripts/build-native.mjs';
import type { SetupOp, SetupProgram } from '../../src/runtime/linux/frame.ts';
import { type Container, cgroup2, Rig } from './rig.ts';
import { execIn, isRoot, Launcher, op, phases, until } from './wire.ts';

const possible = isRoot && existsSync('/bin/busybox');
if (!possible) console.log('skipped: native confinement tests need root and /bin/busybox (package busybox-static)');

const v1 = (controller: string) => `/sys/fs/cgroup/${controller}`;
const hasV1Memory = existsSync(`${v1('memory')}/memory.oom_control`);
if (!hasV1Memory) console.log('skipped: the OOM test needs a v1 memory controller');

function beforePivot(container: Container, ops: SetupOp[]): SetupProgram {
  return container
    .program()
    .map((part) => ({ ...part, ops: part.ops.flatMap((each) => (each.kind === 'PIVOT' ? [...ops, each] : [each])) }));
}

const sh = (script: string) => ['sh', '-c', script];

describe.skipIf(!possible)('confinement', () => {
  let rig: Rig;
  const mounts = () =>
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes('tsc-native'));
  beforeAll(() => {
    rig = new Rig(buildNative());
  });
  afterAll(async () => {
    await rig.close();
    expect(mounts()).toEqual([]);
  });

  /** A root file system that differs from the usual one by what `change` does to it. */
  function rootfs(name: string, change: (dir: string) => void): string {
    const dir = join(rig.dir, name);
    cpSync(rig.rootfs, dir, { recursive: true, verbatimSymlinks: true });
    change(dir);
    return dir;
  }

  test('the OOM killer is noticed, v1', async (context) => {
    if (!hasV1Memory) return context.skip();
    const dir = `${v1('memory')}/tsc-native-${process.pid}`;
    const container = rig.container({
      argv: sh('tail /dev/zero'),
      hold: [
        op('MKDIR', [0o755], dir),
        op('WRITE', [0], `${dir}/memory.limit_in_bytes`, '16777216'),
        op('OOM_EVENTS', [1], `${dir}/memory.oom_control`),
      ],
      attach: [op('ATTACH', [], `${dir}/tasks`)],
      cleanup: [op('RMDIR', [0], dir)],
    });
    const { state } = await container.run();
    expect(state).toMatchObject({ oomKilled: true, phase: phases.exited });
    const control = await container.control();
    await control.ask('QUIT');
    expect(existsSync(dir)).toBe(false);
    control.close();
  });

  test('the device program refuses what it was told to', async () => {
    const insn = (code: number, registers: number, offset: number, value: number) => {
      const bytes = Buffer.alloc(8);
      bytes.writeUInt8(code, 0);
      bytes.writeUInt8(registers, 1);
      bytes.writeInt16LE(offset, 2);
      bytes.writeInt32LE(value, 4);
      return bytes;
    };
    // reading (access_type >> 16 & 2) of minor 5 (1:5 is zero) is refused, making the node is not
    const program = Buffer.concat([
      insn(0x61, 0x12, 8, 0),
      insn(0x61, 0x13, 0, 0),
      insn(0x77, 0x03, 0, 16),
      insn(0x57, 0x03, 0, 2),
      insn(0xb7, 0x00, 0, 1),
      insn(0x15, 0x03, 2, 0),
      insn(0x55, 0x02, 1, 5),
      insn(0xb7, 0x00, 0, 0),
      insn(0x95, 0x00, 0, 0),
    ]);
    const container = rig.container({
      argv: sh('head -c 3 /dev/zero | wc -c; head -c 3 /dev/urandom | wc -c'),
      hold: [op('DEVICE_BPF', [], program)],
    });
    const { output } = await container.run();
    expect(output).toContain('Operation not permitted');
    expect(output.match(/^[03]$/gm)).toEqual(['0', '3']);
  });

  test('limits are set, or clamped with a warning that says to what', async () => {
    const hard = Number(/Max open files\s+\d+\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]);
    const container = rig.container({
      argv: sh('ulimit -n; ulimit -c; cat /proc/self/oom_score_adj'),
      attach: [op('RLIMIT', [7, 10, 100]), op('RLIMIT', [4, 0, 0]), op('OOM_SCORE', [1500])],
    });
    expect((await container.run()).output).toBe('10\n0\n500\n');
    const greedy = rig.container({ argv: sh('ulimit -n'), attach: [op('RLIMIT', [7, hard + 5, hard + 5])] });
    const { output, state } = await greedy.run();
    expect(state.status).toBe(0);
    expect([`${hard}\n`, `${hard + 5}\n`]).toContain(output);
  });

  test('a warning says what is clamped, before anything is started', async () => {
    const own = BigInt(`0x${/CapPrm:\t(\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]}`);
    const container = rig.container({ argv: ['true'], process: [op('CAPS', [1n << 63n, (1n << 63n) | 1n, 0n, 0n])] });
    const launcher = new Launcher(rig.shim);
    launcher.send(container.frame());
    expect(await launcher.next([5])).toMatchObject({ phase: 4, error: 1, number: own & 1n });
    launcher.close();
    await launcher.next([3]);
    await launcher.ended;
  });

  test('a few descriptors and no file size do not hinder us', async () => {
    const limits = [op('RLIMIT', [7, 4, 4]), op('RLIMIT', [1, 0, 0])];
    const { state } = await rig.container({ argv: sh('exit 5'), attach: limits }).run();
    expect(state).toMatchObject({ phase: phases.exited, exitKnown: true, status: 5 << 8 });
  });

  test('sysctls and clock offsets reach this container alone', async () => {
    const hour = 3_600_000_000_000n;
    const before = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
    const { output, state } = await rig
      .container({
        argv: sh('cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/uptime; ls -l /proc/self/ns/time | wc -l'),
        setup: [op('SYSCTL', [], 'net/ipv4/ip_unprivileged_port_start', '7'), op('TIMENS', [0, hour])],
      })
      .run();
    const [port, uptime] = output.split('\n');
    expect(port).toBe('7');
    expect(Number(uptime?.split(' ')[0]) - before).toBeGreaterThanOrEqual(3600);
    expect(Number(uptime?.split(' ')[0]) - before).toBeLessThan(3700);
    // the exit record is in the host's clock all the same
    expect(Number(state.finishedBoot - state.startedBoot) / 1e9).toBeLessThan(60);
  });

  test('masked and read-only paths are so, a read-only root as well', async () => {
    const script =
      'wc -c < /proc/interrupts; ls /sys/firmware | wc -l; ls /proc/scsi 2>/dev/null | wc -l; touch /sys/firmware/x; echo 1 > /proc/sys/net/ipv4/ip_forward; touch /x; touch /tmp/ok && echo tmp';
    const { output } = await rig
      .container({
        argv: sh(script),
        setup: [
          op('MOUNT', [6], 'tmpfs', 'tmpfs', '/tmp', ''),
          op('READONLY', [], '/proc/sys'),
          op('READONLY', [], '/proc/nothing'),
          op('MASK', [], '/proc/interrupts'),
          op('MASK', [], '/proc/scsi'),
          op('MASK', [], '/sys/firmware'),
          op('MASK', [], '/proc/nothing'),
          op('ROOT_READONLY'),
        ],
      })
      .run();
    expect(output.match(/Read-only file system/g)).toHaveLength(3);
    expect(output.replace(/^.*Read-only.*\n/gm, '')).toBe('0\n0\n0\ntmp\n');
  });

  test('binds are what they were said to be, from their first moment', async () => {
    const source = join(rig.dir, 'source');
    mkdirSync(source);
    writeFileSync(join(source, 'file'), 'content');
    const container = rig.container({ argv: sh('cat /a/b/c/file /etc/one; touch /a/b/c/x; echo 1 >> /etc/one') });
    const binds = [op('BIND', [1, 0], source, '/a/b/c'), op('BIND', [1, 0], join(source, 'file'), '/etc/one')];
    const { output } = await container.run(beforePivot(container, binds));
    expect(output).toMatch(/^contentcontent/);
    expect(output.match(/Read-only file system/g)).toHaveLength(2);
    expect(readdirSync(source)).toEqual(['file']);
  });

  test.each([
    ['/proc is a symlink', 'proc', '/tmp'],
    ['/dev is a symlink', 'dev', '/tmp'],
    ['/sys is a symlink', 'sys', '/tmp'],
  ])('refuses a root in which %s', async (_, name, target) => {
    const lower = rootfs(`hostile-${name}`, (dir) => {
      rmSync(join(dir, name), { recursive: true });
      symlinkSync(target, join(dir, name));
    });
    const { started } = await rig.container({ argv: ['true'], lowers: [lower] }).run();
    expect(started).toMatchObject({ phase: phases.failed, failPhase: 3, failError: 40 });
    expect(started.failText.startsWith(`/${name}`)).toBe(true);
  });

  test('a symlink in the image cannot lead a mount or a file to the host', async () => {
    const outside = join(rig.dir, 'outside');
    mkdirSync(outside);
    const lower = rootfs('hostile-link', (dir) => {
      symlinkSync(outside, join(dir, 'link'));
      symlinkSync('../../../../../../../../..', join(dir, 'up'));
    });
    const container = rig.container({
      argv: sh('cat /made'),
      lowers: [lower],
      setup: [op('FILE', [0o644, 0, 0], `/up/made`, 'inside\n'), op('MKDIR_IN', [0o755, 0, 0], `/up${outside}/dir`)],
    });
    const { output } = await container.run();
    expect(output).toBe('inside\n');
    expect(readdirSync(outside)).toEqual([]);
  });

  test('a file that is written replaces a link instead of following it', async () => {
    const victim = join(rig.dir, 'victim');
    writeFileSync(victim, 'untouched');
    const lower = rootfs('hostile-file', (dir) => symlinkSync('/tmp/elsewhere', join(dir, 'etc/hosts')));
    const { output } = await rig
      .container({
        argv: sh('cat /etc/hosts; ls /tmp'),
        lowers: [lower],
        setup: [op('FILE', [0o644, 0, 0], '/etc/hosts', 'new\n')],
      })
      .run();
    expect(output).toBe('new\n');
    expect(readFileSync(victim, 'utf8')).toBe('untouched');
  });

  test('mounts inside /proc are refused but for the known files', async () => {
    for (const [target, allowed] of [
      ['/proc/sys/kernel', false],
      ['/proc/self', false],
      ['/proc/cpuinfo', true],
      ['/', false],
    ] as const) {
      const container = rig.container({ argv: ['true'] });
      const source = allowed ? '/etc/hostname' : '/tmp';
      const { started } = await container.run(beforePivot(container, [op('BIND', [1, 0], source, target)]));
      expect([target, started.phase === phases.failed]).toEqual([target, !allowed]);
    }
  });

  test('the null device of a hostile root is not believed', async () => {
    const container = rig.container({ argv: ['true'] });
    const program = container.program().map((part) =>
      part.phase !== 'SETUP'
        ? part
        : {
            ...part,
            ops: [
              ...part.ops.filter((o) => o.strings[0] !== '/dev/null'),
              op('FILE', [0o666, 0, 0], '/dev/null', ''),
              op('MASK', [], '/proc/interrupts'),
            ],
          },
    );
    const { started } = await container.run(program);
    expect(started).toMatchObject({ phase: phases.failed, failKind: 53, failError: 19 });
  });

  test('PID 1 and the monitor can be neither traced nor looked into', async () => {
    const { output } = await rig
      .container({
        argv: sh('for i in fd/1 fd/3 exe root cwd; do readlink /proc/1/$i; done; cat /proc/1/maps /proc/1/environ'),
        process: [op('CAPS', [0n, 0n, 0n, 0n])],
      })
      .run();
    expect(output.trim().split('\n')).toHaveLength(2);
    expect(output.match(/Permission denied/g)).toHaveLength(2);
  });

  test('an entry point of /proc/self/exe does not reach the binary on disk', async () => {
    const before = readFileSync(rig.shim);
    const { state } = await rig.container({ argv: ['/proc/self/exe', 'version'] }).run();
    expect(state.phase).not.toBe(phases.running);
    expect(readFileSync(rig.shim).equals(before)).toBe(true);
    const container = rig.container({ argv: ['sleep', '1000'] });
    const { pid } = await container.hold();
    expect(execFileSync('readlink', [`/proc/${pid}/exe`], { encoding: 'utf8' })).toContain('memfd:tsc-shim');
  });

  test('SETUP without a mount namespace cannot touch the host', async () => {
    const container = rig.container({ argv: ['true'] });
    const program = container.program().map((part) => ({
      ...part,
      ops: part.ops.map((o) => (o.kind === 'NAMESPACES' ? op('NAMESPACES', [0x20000000]) : o)),
    }));
    const { started } = await container.run(program);
    expect(started).toMatchObject({ phase: phases.failed, failError: 1, failKind: 42 });
  });

  test('a process of a container in the host pid namespace is ended by its cgroup', async () => {
    const container = rig.container({ argv: sh('sleep 1000 & sleep 1000 & exit 3') });
    const program = container.program().map((part) => ({
      ...part,
      ops: part.ops.map((o) => (o.kind === 'NAMESPACES' ? op('NAMESPACES', [0x20000 | 0x4000000 | 0x8000000]) : o)),
    }));
    const { state } = await container.run(program);
    expect(state).toMatchObject({ phase: phases.exited, status: 3 << 8 });
    await until(() => readFileSync(join(container.cgroup, 'cgroup.procs'), 'utf8') === '');
  });

  test('no host mount and no host directory is visible inside', async () => {
    const { output } = await rig.container({ argv: sh('cat /proc/self/mountinfo; ls -d /work /home 2>&1') }).run();
    expect(output).not.toContain('/dev/vda');
    expect(output.match(/No such file/g)).toHaveLength(2);
    expect(output).toMatch(/ \/ \/ .* - overlay /);
  });

  test('seccomp is in force, with and without no_new_privs', async () => {
    const insn = (code: number, jt: number, jf: number, k: number) => {
      const bytes = Buffer.alloc(8);
      bytes.writeUInt16LE(code, 0);
      bytes.writeUInt8(jt, 2);
      bytes.writeUInt8(jf, 3);
      bytes.writeUInt32LE(k >>> 0, 4);
      return bytes;
    };
    const mkdir = process.arch === 'x64' ? 83 : 34;
    const filter = Buffer.concat([
      insn(0x20, 0, 0, 0),
      insn(0x15, 0, 1, mkdir),
      insn(6, 0, 0, 0x00050000 | 77),
      insn(6, 0, 0, 0x7fff0000),
    ]);
    for (const ops of [[], [op('NO_NEW_PRIVS')]]) {
      const user = op('USER', [1000, 1000], new Uint8Array(4));
      const caps = op('CAPS', [0n, 0n, 0n, 0n]);
      const { output } = await rig
        .container({
          argv: sh('mkdir /tmp/x; grep -E "Seccomp:|NoNewPrivs" /proc/self/status'),
          process: [...ops, user, caps, op('SECCOMP', [0], filter)],
        })
        .run();
      expect(output).toContain('File descriptor in bad state');
      expect(output).toContain(`NoNewPrivs:\t${ops.length}\nSeccomp:\t2`);
    }
  });

  test('host paths are gone for exec as well', async () => {
    const container = rig.container({ argv: ['sleep', '1000'] });
    await container.hold();
    const control = await container.control();
    const { state } = await control.ask('START');
    const result = await execIn(rig.shim, state, {
      argv: sh('ls -d /work; readlink /proc/self/root; readlink /proc/self/cwd'),
      cgroup: container.cgroup,
    });
    expect(result.stdout).toBe('/\n/\n');
    control.close();
  });

  test('a cgroup in which a container made children is removed all the same', async () => {
    expect(cgroup2).not.toBe('');
    const container = rig.container({ argv: ['true'] });
    await container.hold();
    mkdirSync(join(container.cgroup, 'a/b/c'), { recursive: true });
    const control = await container.control();
    expect((await control.ask('QUIT')).error).toBe(0);
    expect(existsSync(container.cgroup)).toBe(false);
    control.close();
  });
});
