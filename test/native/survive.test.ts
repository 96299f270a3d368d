import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildNative } from '../../scripts/build-native.mjs';
import { kill } from '../support/leaks.ts';
import { built } from '../support/programs.ts';
import { type Container, Rig } from './rig.ts';
import { isRoot, op, phases, SIGKILL, until } from './wire.ts';

const possible = isRoot && existsSync('/bin/busybox');
if (!possible) console.log('skipped: native survival tests need root and /bin/busybox (package busybox-static)');

/** A zombie is over; when it is reaped is up to whoever is PID 1 of the machine. */
function exists(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

const members = (container: Container): number[] =>
  readFileSync(join(container.cgroup, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);

/** What a process is called; nothing when it is gone. */
function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

async function running(container: Container) {
  const { pid } = await container.hold();
  const control = await container.control();
  const { state } = await control.ask('START');
  expect(state).toMatchObject({ phase: phases.running, failText: '' });
  control.close();
  return { monitor: pid, state };
}

async function killMonitor(pid: number) {
  kill(pid, 'SIGKILL');
  await until(() => !exists(pid));
}

describe.skipIf(!possible)('what survives', () => {
  let rig: Rig;
  beforeAll(() => {
    rig = new Rig(buildNative());
  });
  afterAll(() => rig.close());

  test('the container lives on without its monitor, and the next one takes it over', async () => {
    const script =
      'readlink /proc/self/ns/net; i=0; while [ $i -lt 3 ]; do i=$((i+1)); cat /tmp/go$i 2>/dev/null || { i=$((i-1)); sleep 0.01; }; done; echo end; exit 6';
    const container = rig.container({ argv: ['sh', '-c', script] });
    const { monitor, state } = await running(container);
    await killMonitor(monitor);
    expect(exists(state.initPid)).toBe(true);
    const report = await container.hold('ADOPT');
    expect(report.pid).not.toBe(monitor);
    const control = await container.control();
    const adopted = (await control.ask('STATUS')).state;
    expect(adopted).toMatchObject({ phase: phases.running, initPid: state.initPid, adoptions: 1, starts: 1 });
    const net = execFileSync('readlink', [`/proc/${report.pid}/ns/net`], { encoding: 'utf8' });
    expect(net).toBe(execFileSync('readlink', [`/proc/${state.initPid}/ns/net`], { encoding: 'utf8' }));
    for (const i of [1, 2, 3]) {
      const path = `/proc/${state.initPid}/root/tmp/go${i}`;
      // Seen with its content or not at all: the script reads a file as soon as it is there.
      writeFileSync(`${path}.new`, `${i}\n`);
      renameSync(`${path}.new`, path);
    }
    const end = (await control.ask('WAIT')).state;
    expect(end).toMatchObject({ phase: phases.exited, exitKnown: true, status: 6 << 8 });
    expect(container.output()).toMatch(/^net:\[\d+\]\n1\n2\n3\nend\n$/);
    expect((await control.ask('START')).state).toMatchObject({ phase: phases.running, starts: 2 });
    control.close();
  });

  test('a cgroup has one device program, however often its monitor was replaced', async () => {
    // mov r0, 1; exit: allows everything
    const program = Buffer.from('b700000001000000' + '9500000000000000', 'hex');
    const container = rig.container({ argv: ['sleep', '1000'], hold: [op('DEVICE_BPF', [], program)] });
    let { monitor, state } = await running(container);
    for (let round = 0; round < 3; round++) {
      await killMonitor(monitor);
      kill(state.initPid, 'SIGKILL');
      await until(() => !exists(state.initPid));
      monitor = (await container.hold('ADOPT')).pid;
      const control = await container.control();
      state = (await control.ask('START')).state;
      control.close();
    }
    expect(state).toMatchObject({ phase: phases.running, starts: 4, adoptions: 3 });
    expect(execFileSync(built('bpf'), [container.cgroup], { encoding: 'utf8' })).toBe('1\n');
  });

  test('an end that no monitor saw is told with its exit code', async () => {
    const container = rig.container({ argv: ['sh', '-c', 'while ! test -e /tmp/go; do sleep 0.01; done; kill -9 $$'] });
    const { monitor, state } = await running(container);
    await killMonitor(monitor);
    writeFileSync(`/proc/${state.initPid}/root/tmp/go`, '');
    await until(() => !exists(state.initPid));
    await container.hold('ADOPT');
    const control = await container.control();
    expect((await control.ask('STATUS')).state).toMatchObject({
      phase: phases.exited,
      exitKnown: true,
      status: SIGKILL,
      initPid: 0,
    });
    control.close();
  });

  test('an end that nobody could record is unknown, not zero', async () => {
    const container = rig.container({ argv: ['sleep', '1000'], init: false });
    const { monitor, state } = await running(container);
    await killMonitor(monitor);
    kill(state.initPid, 'SIGKILL');
    await until(() => !exists(state.initPid));
    await container.hold('ADOPT');
    const control = await container.control();
    expect((await control.ask('STATUS')).state).toMatchObject({ phase: phases.exited, exitKnown: false });
    control.close();
  });

  test('an adopted container can be stopped, paused and removed', async () => {
    const container = rig.container({ argv: ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done'] });
    const { monitor } = await running(container);
    const first = await container.control();
    await first.ask('PAUSE');
    first.close();
    await killMonitor(monitor);
    await container.hold('ADOPT');
    const control = await container.control();
    expect((await control.ask('STATUS')).state.phase).toBe(phases.paused);
    await control.ask('UNPAUSE');
    await control.ask('STOP', 15, 100);
    expect((await control.ask('WAIT')).state).toMatchObject({ phase: phases.exited, stopRequested: true });
    expect((await control.ask('QUIT')).error).toBe(0);
    expect(existsSync(container.cgroup)).toBe(false);
    control.close();
  });

  test.each(['ADOPT', 'CONTAINER'] as const)(
    'what ended while it was paused, with its monitor, starts again (%s)',
    async (kind) => {
      const container = rig.container({ argv: ['sleep', '1000'] });
      const { monitor, state } = await running(container);
      const first = await container.control();
      await first.ask('PAUSE');
      first.close();
      await killMonitor(monitor);
      kill(state.initPid, 'SIGKILL');
      await until(() => !exists(state.initPid));
      await container.hold(kind);
      const control = await container.control();
      expect((await control.ask('START')).state.phase).toBe(phases.running);
      control.close();
    },
  );

  test('a stop whose monitor is killed in the grace goes on, and ends when it would have', async () => {
    const container = rig.container({ argv: ['sh', '-c', 'trap "" TERM; echo up; while :; do sleep 1; done'] });
    const { monitor } = await running(container);
    await until(() => container.output() === 'up\n');
    const first = await container.control();
    await first.ask('STOP', 15, 1500);
    first.close();
    await killMonitor(monitor);
    await container.hold('ADOPT');
    const control = await container.control();
    expect((await control.ask('STATUS')).state.phase).toBe(phases.stopping);
    expect((await control.ask('WAIT')).state).toMatchObject({ phase: phases.exited, stopRequested: true });
    control.close();
  });

  test('nothing written while there was no monitor is lost', async () => {
    const script = 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo $i; done; sleep 1000';
    const container = rig.container({ argv: ['sh', '-c', script] });
    let { monitor } = await running(container);
    for (let round = 0; round < 5; round++) {
      await until(() => container.output().length > round * 2000);
      await killMonitor(monitor);
      monitor = (await container.hold('ADOPT')).pid;
    }
    await until(() => container.output().includes('\n20000\n'));
    expect(container.output()).toBe(Array.from({ length: 20000 }, (_, i) => `${i + 1}\n`).join(''));
    let at = 0n;
    for (const entry of container.entries()) {
      expect(entry.offset).toBe(at);
      at += BigInt(entry.length);
    }
    expect(at).toBe(BigInt(container.output().length));
  });

  test('a kill during set-up leaves no process', async () => {
    for (const delay of [0, 1, 2, 3, 5]) {
      const container = rig.container({ argv: ['sleep', '1000'] });
      const { pid } = await container.hold();
      const control = await container.control();
      control.send('START');
      await new Promise((done) => setTimeout(done, delay));
      await killMonitor(pid);
      control.close();
      await new Promise((done) => setTimeout(done, 50));
      const left = readFileSync(join(container.cgroup, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).length;
      expect([0, 2]).toContain(left);
      await container.hold('ADOPT');
      const again = await container.control();
      const { state } = await again.ask('STATUS');
      expect(state.phase).toBe(
        left === 0 ? (state.phase === phases.held ? phases.held : phases.exited) : phases.running,
      );
      again.close();
    }
  });

  test('a kill at the moment in which the command is started leaves all of it or nothing', async () => {
    const container = rig.container({ argv: ['sleep', '1000'] });
    let { pid } = await container.hold();
    for (let round = 0; round < 30; round++) {
      const control = await container.control();
      control.send('START');
      // PID 1 takes its name when the set-up is over and its command is about to be executed.
      await until(() => members(container).some((member) => nameOf(member) === 'tsc:init'));
      kill(pid, 'SIGKILL');
      await until(() => !exists(pid));
      control.close();
      pid = (await container.hold('ADOPT')).pid;
      const next = await container.control();
      const { state } = await next.ask('STATUS');
      expect([phases.running, phases.exited]).toContain(state.phase);
      if (state.phase === phases.running) {
        await until(() => members(container).length === 2);
        await next.ask('KILL', SIGKILL);
        await next.ask('WAIT');
      }
      await until(() => members(container).length === 0);
      next.close();
    }
  });

  test('a kill between the birth of the new process and its first step leaves no process', async () => {
    const container = rig.container({ argv: ['sleep', '1000'] });
    const { pid } = await container.hold();
    const control = await container.control();
    const members = () =>
      readFileSync(join(container.cgroup, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).length;
    const freeze = (value: '0' | '1') => writeFileSync(join(container.cgroup, 'cgroup.freeze'), value);
    freeze('1');
    control.send('START');
    await until(() => members() === 1);
    // Answered after the new process was told to go on.
    expect((await control.ask('STATUS')).state.phase).toBe(phases.starting);
    await killMonitor(pid);
    freeze('0');
    control.close();
    await until(() => members() === 0);
    await container.hold('ADOPT');
    const again = await container.control();
    expect((await again.ask('STATUS')).state).toMatchObject({ phase: phases.exited, exitKnown: false });
    expect((await again.ask('START')).state).toMatchObject({ phase: phases.running, starts: 2 });
    again.close();
  });

  test('adopting what never was is refused', async () => {
    await expect(rig.container({ argv: ['true'] }).hold('ADOPT')).rejects.toThrow(/"error":61/);
  });
});

describe.skipIf(!possible)('the log', () => {
  let rig: Rig;
  beforeAll(() => {
    rig = new Rig(buildNative());
  });
  afterAll(() => rig.close());

  test('keeps 100 MB byte for byte', async () => {
    const container = rig.container({ argv: ['sh', '-c', 'yes 0123456789abcdef | head -c 104857600'] });
    const { state } = await container.run();
    expect(state.status).toBe(0);
    const line = Buffer.from('0123456789abcdef\n');
    const expected = createHash('sha1').update(Buffer.alloc(104857600, line)).digest('hex');
    expect(
      createHash('sha1')
        .update(readFileSync(join(container.log, 'log')))
        .digest('hex'),
    ).toBe(expected);
    expect(state.dropped).toBe(0n);
  });

  test('keeps binary bytes and a last line without its end, and tells the streams apart', async () => {
    const { output, state } = await rig
      .container({ argv: ['sh', '-c', "printf 'a\\000\\377b'; sleep 0.05; printf tail >&2"] })
      .run();
    expect(state.status).toBe(0);
    expect(output.startsWith('a\0')).toBe(true);
    expect(output.endsWith('tail')).toBe(true);
  });

  test('rotates and keeps no more than it was told to', async () => {
    const container = rig.container({ argv: ['sh', '-c', 'seq 20000'], log: [10_000, 3] });
    await container.run();
    expect(readdirSync(container.log).sort()).toEqual(['index', 'index.1', 'index.2', 'log', 'log.1', 'log.2']);
    const parts = ['log.2', 'log.1', 'log'].map((name) => readFileSync(join(container.log, name), 'utf8'));
    for (const part of parts) expect(part.length).toBeLessThanOrEqual(10_000);
    const all = Array.from({ length: 20000 }, (_, i) => `${i + 1}\n`).join('');
    expect(all.endsWith(parts.join(''))).toBe(true);
    for (const [i, name] of ['index.2', 'index.1', 'index'].entries()) {
      const bytes = readFileSync(join(container.log, name));
      const last = bytes.length - 24;
      expect(Number(bytes.readBigUInt64LE(last)) + bytes.readUInt32LE(last + 16)).toBe(parts[i]?.length);
    }
  });

  test('keeps one file, and none, when told so', async () => {
    const one = rig.container({ argv: ['seq', '20000'], log: [10_000, 1] });
    await one.run();
    expect(readdirSync(one.log).sort()).toEqual(['index', 'log']);
    expect(one.output().endsWith('\n20000\n')).toBe(true);
    const none = rig.container({ argv: ['seq', '20000'], log: [0, 0] });
    expect((await none.run()).state.status).toBe(0);
    expect(readdirSync(none.log)).toEqual([]);
  });

  test('a full disk stops nothing: what it refused is counted and marked', async () => {
    const dir = join(rig.dir, 'small');
    mkdirSync(dir);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', dir]);
    try {
      const script = 'seq 100000; echo full; while ! test -e /tmp/go; do sleep 0.01; done; echo again';
      const container = rig.container({ argv: ['sh', '-c', script], logDir: dir });
      const { state } = await running(container);
      const control = await container.control();
      await until(() => container.output().length > 200_000);
      await control.ask('SUBSCRIBE');
      execFileSync('sleep', ['0.2']);
      execFileSync('mount', ['-o', 'remount,size=2m', dir]);
      writeFileSync(`/proc/${state.initPid}/root/tmp/go`, '');
      const end = (await control.ask('WAIT')).state;
      expect(end).toMatchObject({ phase: phases.exited, status: 0 });
      expect(end.dropped).toBeGreaterThan(200_000n);
      const kept = container.entries().reduce((sum, entry) => sum + BigInt(entry.length), 0n);
      const all = Array.from({ length: 100000 }, (_, i) => `${i + 1}\n`).join('').length + 'full\nagain\n'.length;
      expect(kept + end.dropped).toBe(BigInt(all));
      expect(container.output().endsWith('again\n')).toBe(true);
      expect(container.entries().at(-1)?.flags).toBe(1);
      control.close();
      await container.remove();
    } finally {
      execFileSync('umount', ['-l', dir]);
    }
  });
});

describe.skipIf(!possible)('terminals', () => {
  let rig: Rig;
  beforeAll(() => {
    rig = new Rig(buildNative());
  });
  afterAll(() => rig.close());

  test('a tty is the container’s own, its output goes to the log', async () => {
    const container = rig.container({
      argv: ['sh', '-c', 'tty; test -t 0 && test -t 1 && echo yes; ls -l /dev/console | cut -c1'],
      tty: true,
    });
    const { state, output } = await container.run();
    expect(state.status & 127).toBe(0);
    expect(output).toContain('/dev/pts/0\r\nyes\r\n');
  });

  test('what is written to the fifo reaches the command, also without a terminal', async () => {
    for (const tty of [true, false]) {
      const container = rig.container({ argv: ['sh', '-c', 'read line; echo "got $line"'], tty, stdin: true });
      await running(container);
      writeFileSync(join(container.state, 'in'), 'word\n');
      const control = await container.control();
      await control.ask('WAIT');
      expect(container.output()).toContain('got word');
      control.close();
    }
  });

  test('a terminal survives its monitor', async () => {
    const container = rig.container({
      argv: ['sh', '-c', 'trap "echo hup" HUP; while ! test -e /tmp/go; do sleep 0.01; done; echo still'],
      tty: true,
    });
    const { monitor, state } = await running(container);
    await killMonitor(monitor);
    await container.hold('ADOPT');
    writeFileSync(`/proc/${state.initPid}/root/tmp/go`, '');
    const control = await container.control();
    await control.ask('WAIT');
    expect(container.output()).toBe('still\r\n');
    control.close();
  });

  test('stdin without a terminal is the null device', async () => {
    const { output } = await rig.container({ argv: ['sh', '-c', 'cat; stat -L -c %t:%T /proc/self/fd/0'] }).run();
    expect(output).toBe('1:3\n');
  });

  test('a user other than root may open /dev/stdout again', async () => {
    const user = op('USER', [1000, 1000], new Uint8Array(4));
    const { output } = await rig.container({ argv: ['sh', '-c', 'echo hello > /dev/stdout'], process: [user] }).run();
    expect(output).toBe('hello\n');
  });
});
