import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildNative } from '../../scripts/build-native.mjs';
import { encodeFrame } from '../../src/runtime/linux/frame.ts';
import { frameKind } from '../../src/runtime/linux/protocol.ts';
import { kill } from '../support/leaks.ts';
import { Rig } from './rig.ts';
import { isRoot, Launcher, op, phases, type Report, SIGKILL, until } from './wire.ts';

const possible = isRoot && existsSync('/bin/busybox');
if (!possible) console.log('skipped: native life tests need root and /bin/busybox (package busybox-static)');

const alive = (pid: number) =>
  existsSync(`/proc/${pid}`) && !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

describe.skipIf(!possible)('the life of a container', () => {
  let rig: Rig;
  beforeAll(() => {
    rig = new Rig(buildNative());
  });
  afterAll(() => rig.close());

  test('stop sends the signal, and the command may end in its own way', async () => {
    const container = rig.container({
      argv: ['sh', '-c', 'trap "echo bye; exit 3" TERM; echo up; while :; do sleep 0.02; done'],
    });
    await container.hold();
    const control = await container.control();
    await control.ask('START');
    await until(() => container.output().includes('up'));
    expect((await control.ask('STOP', 15, 5000)).state.phase).toBe(phases.stopping);
    const { state } = await control.ask('WAIT');
    expect(state).toMatchObject({ phase: phases.exited, status: 3 << 8, stopRequested: true });
    expect(container.output()).toBe('up\nbye\n');
    control.close();
  });

  test('a command that ignores the signal is killed after its grace, all of it', async () => {
    const container = rig.container({
      argv: ['sh', '-c', 'trap "" TERM; sleep 1000 & echo up; while :; do sleep 1; done'],
    });
    await container.hold();
    const control = await container.control();
    await control.ask('START');
    await until(() => container.output().includes('up'));
    const begin = Date.now();
    await control.ask('STOP', 15, 300);
    const { state } = await control.ask('WAIT');
    expect(Date.now() - begin).toBeGreaterThanOrEqual(290);
    expect(Date.now() - begin).toBeLessThan(3000);
    expect(state).toMatchObject({ phase: phases.exited, status: SIGKILL });
    expect(readFileSync(join(container.cgroup, 'cgroup.procs'), 'utf8')).toBe('');
    control.close();
  });

  test('a second stop shortens the grace and never lengthens it', async () => {
    const container = rig.container({ argv: ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done'] });
    await container.hold();
    const control = await container.control();
    await control.ask('START');
    await control.ask('STOP', 15, 60_000);
    await control.ask('STOP', 15, 100);
    await control.ask('STOP', 15, 60_000);
    const begin = Date.now();
    await control.ask('WAIT');
    expect(Date.now() - begin).toBeLessThan(3000);
    control.close();
  });

  test('a grace of zero, and one of for ever', async () => {
    const container = rig.container({ argv: ['sleep', '1000'], init: false });
    await container.hold();
    const control = await container.control();
    await control.ask('START');
    await control.ask('STOP', 15, 0xffff_ffff_ffff_ffffn);
    await new Promise((done) => setTimeout(done, 50));
    expect((await control.ask('STATUS')).state.phase).toBe(phases.stopping);
    await control.ask('STOP', 15, 0);
    expect((await control.ask('WAIT')).state).toMatchObject({ status: SIGKILL, exitKnown: true });
    control.close();
  });

  test('a stop during set-up ends the start in one way or the other', async () => {
    const container = rig.container({ argv: ['sleep', '1000'] });
    await container.hold();
    const control = await container.control();
    for (let i = 0; i < 20; i++) {
      control.send('START');
      control.send('STOP', 15, 2000);
      const { state } = await control.next((reply) => reply.op === 2);
      expect(state.failError).toBe(0);
      const end = (await control.ask('WAIT')).state;
      expect(end).toMatchObject({ phase: phases.exited, exitKnown: true, status: 15, stopRequested: true });
    }
    control.close();
  });

  test('pause freezes, stop thaws', async () => {
    const container = rig.container({ argv: ['sh', '-c', 'trap "exit 4" TERM; while :; do sleep 0.01; done'] });
    await container.hold();
    const control = await container.control();
    await control.ask('START');
    await new Promise((done) => setTimeout(done, 50));
    expect((await control.ask('PAUSE')).state.phase).toBe(phases.paused);
    await until(() => /frozen 1/.test(readFileSync(join(container.cgroup, 'cgroup.events'), 'utf8')));
    expect((await control.ask('UNPAUSE')).state.phase).toBe(phases.running);
    await control.ask('PAUSE');
    await control.ask('STOP', 15, 5000);
    expect((await control.ask('WAIT')).state.status).toBe(4 << 8);
    control.close();
  });

  test('starts again with the same monitor, log and network', async () => {
    const container = rig.container({
      argv: ['sh', '-c', 'readlink /proc/self/ns/net; exit $(cat /tmp/n 2>/dev/null || echo 0)'],
    });
    const { state: first } = await container.run();
    const control = await container.control();
    expect((await control.ask('START')).state).toMatchObject({ failText: '', failError: 0 });
    const { state } = await control.ask('WAIT');
    expect(state).toMatchObject({ starts: 2, monitorPid: first.monitorPid, phase: phases.exited });
    const [one, two] = container.output().trim().split('\n');
    expect(one).toBe(two);
    expect(container.entries().map((entry) => entry.start)).toEqual([1, 2]);
    control.close();
  });

  test('starts again after everything was killed', async () => {
    const container = rig.container({ argv: ['sleep', '1000'] });
    await container.hold();
    const control = await container.control();
    for (let i = 1; i <= 3; i++) {
      expect((await control.ask('START')).state).toMatchObject({ phase: phases.running, starts: i });
      expect(readFileSync(join(container.cgroup, 'cgroup.procs'), 'utf8').trim().split('\n')).toHaveLength(2);
      await control.ask('KILL', SIGKILL);
      expect((await control.ask('WAIT')).state).toMatchObject({ status: SIGKILL, stopRequested: true });
    }
    control.close();
  });

  test('refuses to start twice and to signal what does not run', async () => {
    const container = rig.container({ argv: ['sleep', '1000'] });
    await container.hold();
    const control = await container.control();
    expect((await control.ask('KILL', 15)).error).toBe(3);
    expect((await control.ask('STOP', 15, 1)).error).toBe(3);
    await control.ask('START');
    expect((await control.ask('START')).error).toBe(16);
    expect((await control.ask('KILL', 99)).error).toBe(22);
    control.close();
  });

  test('says 127 and 126 and names the interpreter that is missing', async () => {
    const missing = await rig.container({ argv: ['/nothing'] }).run();
    expect(missing.started).toMatchObject({
      phase: phases.failed,
      failKind: 77,
      failError: 2,
      failText: '/nothing',
      status: 127 << 8,
    });
    const directory = await rig.container({ argv: ['/etc'] }).run();
    expect(directory.started).toMatchObject({ phase: phases.failed, failError: 13, status: 126 << 8 });
    const script = '#!/lib/ld-missing\n';
    const file = op('FILE', [0o755, 0, 0], '/tmp/script', script);
    const broken = await rig.container({ argv: ['/tmp/script'], setup: [file] }).run();
    expect(broken.started).toMatchObject({
      failError: 2,
      failText: '/tmp/script (interpreter /lib/ld-missing)',
      status: 127 << 8,
    });
  });

  test('a set-up that fails names the op, and can be tried again', async () => {
    const container = rig.container({ argv: ['true'], setup: [op('SYSCTL', [], 'kernel/nothing', '1')] });
    const { started } = await container.run();
    expect(started).toMatchObject({
      phase: phases.failed,
      failPhase: 3,
      failKind: 52,
      failError: 2,
      failText: 'kernel/nothing',
    });
    const control = await container.control();
    expect((await control.ask('START')).state).toMatchObject({ phase: phases.failed, starts: 2 });
    control.close();
  });

  test('subscribers hear every change in order, and EOF when the monitor dies', async () => {
    const container = rig.container({ argv: ['true'] });
    const { pid } = await container.hold();
    const listener = await container.control();
    await listener.ask('SUBSCRIBE');
    const control = await container.control();
    await control.ask('START');
    await control.ask('WAIT');
    await listener.next((reply) => reply.state.phase === phases.starting);
    await listener.next((reply) => reply.state.phase === phases.running);
    await listener.next((reply) => reply.state.phase === phases.exited);
    kill(pid, 'SIGKILL');
    await expect(listener.next()).rejects.toThrow('closed');
    control.close();
  });

  test('a client that does not read is dropped, and nobody waits for it', async () => {
    const container = rig.container({ argv: ['sleep', '1000'] });
    await container.hold();
    const slow = await container.control();
    slow.socket.pause();
    for (let i = 0; i < 5000; i++) slow.send('STATUS');
    const control = await container.control();
    expect((await control.ask('START')).state.phase).toBe(phases.running);
    control.close();
    slow.close();
  });

  test('a second monitor for the same container is refused and harms nothing', async () => {
    const container = rig.container({ argv: ['sleep', '1000'] });
    await container.hold();
    await expect(container.hold()).rejects.toThrow(/"error":16/);
    const control = await container.control();
    expect((await control.ask('START')).state.phase).toBe(phases.running);
    control.close();
  });

  test('a hold that fails takes back what it made', async () => {
    const container = rig.container({ argv: ['true'], hold: [op('WRITE', [0], '/proc/self/nothing', '1')] });
    await expect(container.hold()).rejects.toThrow(/"kind":4.*"phase":1.*"error":2/);
    expect(existsSync(container.cgroup)).toBe(false);
    expect(existsSync(join(container.state, 'ctl.sock'))).toBe(false);
  });

  test('START starts what it holds, and says so in the same breath', async () => {
    const container = rig.container({ argv: ['sh', '-c', 'echo ran'] });
    rmSync(container.state, { recursive: true });
    const { launcher, held } = await container.launch('START');
    expect(await launcher.next([7])).toMatchObject({ id: held.id, error: 0 });
    const control = await container.control();
    await control.ask('WAIT');
    expect(container.output()).toBe('ran\n');
    control.close();
    await launcher.leave();
  });

  test('a start that fails says where in the program, and the container stays', async () => {
    const container = rig.container({ argv: ['/nowhere'] });
    const { launcher } = await container.launch('START');
    const failed = await launcher.next([4]);
    expect(failed).toMatchObject({ phase: 4, error: 2 });
    const control = await container.control();
    expect((await control.ask('STATUS')).state).toMatchObject({ phase: phases.failed, failError: 2 });
    control.close();
    await launcher.leave();
  });

  test('START_HELD starts what another frame has made, once, and says so', async () => {
    const container = rig.container({ argv: ['sh', '-c', 'echo ran; exec sleep 1000'] });
    const { launcher } = await container.launch();
    launcher.send(container.startHeld(71));
    const started = await launcher.next([7]);
    expect(started).toMatchObject({ id: 71, error: 0 });
    const control = await container.control();
    const { state } = await control.ask('STATUS');
    expect(state).toMatchObject({ phase: phases.running, initPid: started.pid, starts: 1 });
    launcher.send(container.startHeld(72));
    // EBUSY, and in no phase: it was the request that was refused.
    expect(await launcher.next([4])).toMatchObject({ id: 72, phase: 0, error: 16 });
    control.close();
    await launcher.leave();
  });

  test('START_HELD says what the state says of a start that fails, and that a monitor is gone', async () => {
    const container = rig.container({ argv: ['/nowhere'] });
    const { launcher, held } = await container.launch();
    launcher.send(container.startHeld(71));
    expect(await launcher.next([4])).toMatchObject({ id: 71, phase: 4, error: 2 });
    // Of everybody that it has forked the launcher says in the end that it is gone.
    const lost = async (id: number): Promise<Report> => {
      const report = await launcher.next([8]);
      return report.id === id ? report : lost(id);
    };
    kill(held.pid, 'SIGKILL');
    await lost(held.id);
    launcher.send(container.startHeld(72));
    expect(await lost(72)).toMatchObject({ error: 111 });
    launcher.send(encodeFrame(frameKind.START_HELD, 73, []));
    expect(await launcher.next([4])).toMatchObject({ id: 73, error: 71 });
    await launcher.leave();
  });

  test('who asks a monitor to start dies with the launcher, and the start goes on', async () => {
    const gate = join(rig.dir, 'gate');
    execFileSync('mkfifo', [gate]);
    // Opening the fifo for writing holds up the set-up until somebody reads.
    const container = rig.container({ argv: ['sleep', '1000'], attach: [op('ATTACH', [], gate)] });
    const { launcher } = await container.launch();
    launcher.send(container.startHeld(71));
    const { pid } = launcher.child;
    const asker = () =>
      readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
        .split(' ')
        .find((child) => child !== '' && readFileSync(`/proc/${child}/comm`, 'utf8') === 'tsc:start\n');
    await until(() => asker() !== undefined);
    const asking = asker();
    kill(pid as number, 'SIGKILL');
    await launcher.ended;
    await until(() => !existsSync(`/proc/${asking}`));
    const reader = openSync(gate, 'r');
    const control = await container.control();
    control.send('SUBSCRIBE');
    await control.next(({ state }) => state.phase === phases.running);
    closeSync(reader);
    control.close();
  });

  test('its monitor is the last in its mounts, and lets go of them when it has told the end', async () => {
    const container = rig.container({ argv: ['sleep', '1000'] });
    const { pid } = await container.hold();
    const mounts = () =>
      readdirSync(`/proc/${pid}/fd`)
        .map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
        .filter((link) => link.startsWith('mnt:'));
    const control = await container.control();
    for (let life = 1; life <= 2; life++) {
      expect(mounts()).toEqual([]);
      const { state } = await control.ask('START');
      expect(mounts()).toEqual([readlinkSync(`/proc/${state.initPid}/ns/mnt`)]);
      await control.ask('KILL', SIGKILL);
      await control.ask('WAIT');
      // Answered after all that the end has brought with it.
      await control.ask('STATUS');
    }
    control.close();
  });

  test('the launcher tells of a monitor that was killed before its last word', async () => {
    const slow = op('MOUNT', [0], 'nosuchfs', 'none', '/tmp', '');
    const container = rig.container({ argv: ['sleep', '1000'] });
    const { launcher, held } = await container.launch();
    kill(held.pid, 'SIGKILL');
    expect(await launcher.next([8])).toMatchObject({ id: held.id, pid: held.pid });
    const refused = rig.container({
      argv: ['true'],
      hold: [op('WRITE', [0], '/proc/self/nothing', '1')],
      setup: [slow],
    });
    launcher.send(refused.frame('START'));
    expect((await launcher.next([4])).phase).toBe(1);
    await launcher.next([8]);
    await launcher.leave();
  });

  test('PUT writes a file whole, with its mode, and leaves that of an adopted container alone', async () => {
    const path = join(rig.dir, 'put', 'record.json');
    const put = (text: string) => [op('MKDIR', [0o700], join(rig.dir, 'put')), op('PUT', [0o640], path, text)];
    const container = rig.container({ argv: ['sleep', '1000'], hold: put('first') });
    const { pid } = await container.hold();
    expect(readFileSync(path, 'utf8')).toBe('first');
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(readdirSync(join(rig.dir, 'put'))).toEqual(['record.json']);
    kill(pid, 'SIGKILL');
    container.options.hold = put('second');
    await until(() => !existsSync(`/proc/${pid}`));
    await container.hold('ADOPT');
    expect(readFileSync(path, 'utf8')).toBe('first');
  });

  test('the launcher serialises by its lock and names the holder', async () => {
    const lock = join(rig.dir, 'lock');
    const first = new Launcher(rig.shim, lock);
    expect((await first.next([1])).pid).toBe(first.child.pid);
    const second = new Launcher(rig.shim, lock);
    expect((await second.next([2])).pid).toBe(first.child.pid);
    first.close();
    expect((await second.next([1])).pid).toBe(second.child.pid);
    await Promise.all([first.ended, second.leave()]);
  });

  test('refuses frames that are none, and goes on after one that is only wrong inside', async () => {
    const launcher = new Launcher(rig.shim);
    const frame = rig.container({ argv: ['true'] }).frame();
    const wrong = Buffer.from(frame);
    wrong.writeUInt16LE(9999, 16);
    launcher.send(wrong);
    expect(await launcher.next([4])).toMatchObject({ error: 71, op: 0 });
    launcher.send(Buffer.alloc(64, 1));
    expect(await launcher.next([4])).toMatchObject({ error: 71 });
    await launcher.ended;
  });

  test('wakes the supervisor when nobody holds its lock, with the lock on descriptor 3', async () => {
    const lock = join(rig.dir, 'supervisor');
    const said = join(rig.dir, 'said');
    const script = `readlink /proc/self/fd/3 > ${said}; echo "$WHO" >> ${said}; readlink /proc/self/ns/net >> ${said}`;
    const command = `/bin/sh\0-c\0${script}\0`;
    const supervisor = op('SUPERVISOR', [0, 50, 60_000, 60_000], lock, command, 'PATH=/usr/bin:/bin\0WHO=me\0', '');
    const container = rig.container({ argv: ['true'], hold: [supervisor] });
    await container.run();
    const net = execFileSync('readlink', ['/proc/self/ns/net'], { encoding: 'utf8' });
    await until(() => existsSync(said) && readFileSync(said, 'utf8') === `${lock}\nme\n${net}`);
    writeFileSync(said, '');
    const control = await container.control();
    const holder = new Launcher(rig.shim, lock);
    await holder.next([1]);
    await control.ask('START');
    await control.ask('WAIT');
    await new Promise((done) => setTimeout(done, 200));
    expect(readFileSync(said, 'utf8')).toBe('');
    await holder.leave();
    control.close();
  });

  test('runs the command of ON_HANGUP whenever the last writer of the fifo is gone, and not before one has come', async () => {
    const fifo = join(rig.dir, 'alive');
    const said = join(rig.dir, 'hung-up');
    const onHangup = op('ON_HANGUP', [], fifo, `/bin/sh\0-c\0echo "$WHO"gone >> ${said}\0`);
    const container = rig.container({ argv: ['sleep', '1000'], hold: [onHangup] });
    await container.hold();
    for (const expected of ['gone\n', 'gone\ngone\n']) {
      const writers = [openSync(fifo, 'w'), openSync(fifo, 'w')];
      closeSync(writers[0] as number);
      writeSync(writers[1] as number, 'nobody reads this');
      expect(existsSync(said) ? readFileSync(said, 'utf8') : '').toBe(expected.slice(5));
      closeSync(writers[1] as number);
      await until(() => existsSync(said) && readFileSync(said, 'utf8') === expected);
    }
  });

  test('PID 1 reaps orphans and everything goes when the command does', async () => {
    const script =
      'for i in $(seq 50); do (sleep 0.01 & ) ; done; sleep 0.3; grep -l "^State.*Z" /proc/[0-9]*/status; sleep 1000 & exit 9';
    const { state, output } = await rig.container({ argv: ['sh', '-c', script] }).run();
    expect(state.status).toBe(9 << 8);
    expect(output).toBe('');
    expect(alive(state.initPid)).toBe(false);
  });

  test('a thousand starts of something that ends at once are a thousand ends', async () => {
    const container = rig.container({ argv: ['true'] });
    await container.hold();
    const control = await container.control();
    for (let i = 1; i <= 1000; i++) {
      const { state } = await control.ask('START');
      expect([phases.running, phases.exited]).toContain(state.phase);
      const end = await control.ask('WAIT');
      expect(end.state).toMatchObject({ phase: phases.exited, exitKnown: true, status: 0, starts: i });
    }
    control.close();
  }, 180_000);
});
