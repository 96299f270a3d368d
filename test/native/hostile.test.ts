import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { buildNative } from '../../scripts/build-native.mjs';
import type { SetupOp, SetupProgram } from '../../src/runtime/linux/frame.ts';
import { beside } from '../support/child.ts';
import { built } from '../support/programs.ts';
import { type Container, Rig } from './rig.ts';
import { type Control, execIn, isRoot, op, phases, SIGKILL, type State } from './wire.ts';

const possible = isRoot && existsSync('/bin/busybox');
if (!possible) console.log('skipped: native tests of hostile containers need root and /bin/busybox');

/** The program of `container` with `ops` where mounts are made. */
function mounting(container: Container, ops: SetupOp[]): SetupProgram {
  return container
    .program()
    .map((part) => ({ ...part, ops: part.ops.flatMap((each) => (each.kind === 'PIVOT' ? [...ops, each] : [each])) }));
}

const tmpfs = (target: string) => op('MOUNT', [14], 'tmpfs', 'tmpfs', target, '');
const bind = (source: string, target: string) => op('BIND', [0, 0], source, target);

describe.skipIf(!possible)('a hostile container', () => {
  let rig: Rig;
  const flippers: ChildProcess[] = [];
  beforeAll(() => {
    rig = new Rig(buildNative());
  });
  afterEach(() => {
    for (const flipper of flippers.splice(0)) flipper.kill('SIGKILL');
  });
  afterAll(async () => {
    await rig.close();
  });

  /** Starts and ends it; how the start went. */
  async function life(control: Control): Promise<State> {
    const { state } = await control.ask('START');
    if (state.phase === phases.running) await control.ask('KILL', SIGKILL);
    await control.ask('WAIT');
    return state;
  }

  /** Exchanges two names until the end of the test. */
  function flip(left: string, right: string): void {
    flippers.push(beside(spawn(built('exchange'), [left, right], { stdio: 'inherit' })));
  }

  /** A volume with a name that is a directory one moment and a link to `outside` the next. */
  function flipping(name: string): { readonly volume: string; readonly outside: string } {
    const volume = join(rig.dir, name);
    const outside = join(rig.dir, `${name}-outside`);
    for (const dir of [volume, outside, join(volume, 'place')]) mkdirSync(dir);
    symlinkSync(outside, join(volume, 'other'));
    flip(join(volume, 'place'), join(volume, 'other'));
    return { volume, outside };
  }

  test('cannot lead a mount out of a container by exchanging its target (CVE-2021-30465)', async () => {
    const { volume, outside } = flipping('mounts');
    const container = rig.container({ argv: ['sleep', '1000'] });
    await container.hold('CONTAINER', mounting(container, [bind(volume, '/data'), tmpfs('/data/place')]));
    const control = await container.control();
    const ways = new Set<number>();
    for (let i = 0; i < 80; i++) {
      const started = await life(control);
      ways.add(started.phase);
      expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(outside);
    }
    control.close();
    expect([...ways].every((way) => way === phases.running || way === phases.failed)).toBe(true);
    expect(readdirSync(outside)).toEqual([]);
  });

  test('cannot have directories, files and devices made outside by doing so (CVE-2024-45310)', async () => {
    const { volume, outside } = flipping('made');
    const container = rig.container({ argv: ['sleep', '1000'] });
    const made = [
      op('MKDIR_IN', [0o755, 0, 0], '/data/place/a/b'),
      op('FILE', [0o644, 0, 0], '/data/place/c/file', 'x'),
      op('MKNOD', [0o020666, 1, 3, 0, 0], '/data/place/null'),
      op('SYMLINK', [], '/x', '/data/place/link'),
      tmpfs('/data/place/d/e'),
    ];
    await container.hold('CONTAINER', mounting(container, [bind(volume, '/data'), ...made]));
    const control = await container.control();
    for (let i = 0; i < 80; i++) await life(control);
    control.close();
    expect(readdirSync(outside)).toEqual([]);
  });

  test('cannot have a false null device laid over what is masked (CVE-2025-31133)', async () => {
    const volume = join(rig.dir, 'devices');
    mkdirSync(volume);
    execFileSync('mknod', [join(volume, 'null'), 'c', '1', '3']);
    symlinkSync('/proc/sys/kernel/core_pattern', join(volume, 'other'));
    flip(join(volume, 'null'), join(volume, 'other'));
    const mask = op('MASK', [], '/proc/interrupts');
    const container = rig.container({ argv: ['sleep', '1000'], setup: [mask] });
    await container.hold('CONTAINER', mounting(container, [bind(volume, '/dev')]));
    const control = await container.control();
    const ways = new Set<number>();
    for (let i = 0; i < 80; i++) {
      const { state } = await control.ask('START');
      ways.add(state.phase);
      if (state.phase === phases.running) {
        const masked = statSync(`/proc/${state.initPid}/root/proc/interrupts`);
        expect([masked.isCharacterDevice(), masked.rdev]).toEqual([true, 0x103]);
        await control.ask('KILL', SIGKILL);
      }
      await control.ask('WAIT');
    }
    control.close();
    expect(ways).toEqual(new Set([phases.running, phases.failed]));
  });

  test('cannot have anything but a terminal of its own as its console (CVE-2025-52565)', async () => {
    const volume = join(rig.dir, 'terminals');
    const outside = join(rig.dir, 'terminals-outside');
    for (const dir of [volume, outside, join(volume, 'pts')]) mkdirSync(dir);
    const bait = join(outside, 'bait');
    writeFileSync(bait, 'untouched', { mode: 0o600 });
    for (const name of ['ptmx', '0']) symlinkSync(bait, join(outside, name));
    symlinkSync(outside, join(volume, 'elsewhere'));
    flip(join(volume, 'pts'), join(volume, 'elsewhere'));
    writeFileSync(join(volume, 'console'), '');
    writeFileSync(join(volume, 'elsewhere-inside'), '');
    symlinkSync('/dev/elsewhere-inside', join(volume, 'link'));
    flip(join(volume, 'console'), join(volume, 'link'));
    const container = rig.container({ argv: ['sleep', '1000'], tty: true });
    const devpts = op('MOUNT', [10], 'devpts', 'devpts', '/dev/pts', 'newinstance,ptmxmode=0666,mode=0620,gid=5');
    const dev = [bind(volume, '/dev'), devpts];
    const program = container.program().map((part) => ({
      ...part,
      ops: part.ops.flatMap((each) => (each.kind === 'CONSOLE' ? [...dev, each] : [each])),
    }));
    await container.hold('CONTAINER', program);
    const control = await container.control();
    const ways = new Set<number>();
    for (let i = 0; i < 150; i++) {
      const { state } = await control.ask('START');
      ways.add(state.phase);
      if (state.phase === phases.running) {
        const mounts = readFileSync(`/proc/${state.initPid}/mountinfo`, 'utf8').split('\n');
        const terminals = mounts.filter((line) => line.includes(' - devpts ')).map((line) => line.split(' ')[4]);
        // The first is that of the usual /dev, below the volume. Names may have been exchanged since.
        const own = [/^\/dev\/pts$/, /^\/dev\/(?:pts|elsewhere)$/, /^\/dev\/(?:console|link)$/];
        expect(terminals).toEqual(own.map((name) => expect.stringMatching(name)));
        await control.ask('KILL', SIGKILL);
      }
      await control.ask('WAIT');
    }
    control.close();
    expect(ways).toEqual(new Set([phases.running, phases.failed]));
    expect(readFileSync(bait, 'utf8')).toBe('untouched');
    expect(statSync(bait).mode & 0o7777).toBe(0o600);
  });

  test('cannot lead what is written to /proc elsewhere (CVE-2025-52881)', async () => {
    const name = 'net/ipv4/ip_unprivileged_port_start';
    const volume = join(rig.dir, 'processes');
    const place = join(volume, 'sys', name);
    const bait = join(rig.dir, 'processes-bait');
    mkdirSync(join(place, '..'), { recursive: true });
    for (const file of [place, bait]) writeFileSync(file, 'untouched');
    symlinkSync(bait, `${place}-link`);
    flip(place, `${place}-link`);
    const start = async (target: string) => {
      const container = rig.container({ argv: ['sleep', '1000'], setup: [op('SYSCTL', [], name, '7')] });
      await container.hold('CONTAINER', mounting(container, [bind(volume, target)]));
      const control = await container.control();
      const { state } = await control.ask('START');
      return { control, state };
    };
    for (let i = 0; i < 20; i++) {
      const { control, state } = await start('/proc');
      expect(state.phase).toBe(phases.running);
      const inside = ['nsenter', '-t', `${state.initPid}`, '-n', 'cat', `/proc/sys/${name}`];
      expect(execFileSync('/bin/busybox', inside, { encoding: 'utf8' })).toBe('7\n');
      await control.ask('KILL', SIGKILL);
      await control.ask('WAIT');
      control.close();
    }
    for (const target of ['/proc/sys', '/proc/self', '/proc/self/attr']) {
      const { control, state } = await start(target);
      expect(state).toMatchObject({ phase: phases.failed, failText: target });
      control.close();
    }
    for (const file of [place, bait]) expect(readFileSync(file, 'utf8')).toBe('untouched');
  });

  test('that shares a volume is no reason why a mount in it cannot be made', async () => {
    const volume = join(rig.dir, 'shared');
    mkdirSync(volume);
    const containers = ['1', '2', '3'].map(() => rig.container({ argv: ['sleep', '1000'] }));
    const controls = await Promise.all(
      containers.map(async (container) => {
        await container.hold('CONTAINER', mounting(container, [bind(volume, '/data'), tmpfs('/data/sub')]));
        return container.control();
      }),
    );
    for (let i = 0; i < 40; i++) {
      rmSync(join(volume, 'sub'), { recursive: true, force: true });
      const states = await Promise.all(controls.map(life));
      expect(states.map(({ phase, failText, failError }) => ({ phase, failText, failError }))).toEqual(
        states.map(() => ({ phase: phases.running, failText: '', failError: 0 })),
      );
    }
    for (const control of controls) control.close();
  });

  test('has no descriptor of ours as a working directory (CVE-2024-21626)', async () => {
    const lower = join(rig.dir, 'working');
    cpSync(rig.rootfs, lower, { recursive: true, verbatimSymlinks: true });
    for (let fd = 3; fd < 24; fd++) symlinkSync(`/proc/self/fd/${fd}`, join(lower, `fd${fd}`));
    const container = rig.container({ argv: ['sleep', '1000'], lowers: [lower] });
    await container.hold();
    const control = await container.control();
    const { state } = await control.ask('START');
    for (let fd = 3; fd < 24; fd++) {
      for (const path of [`/proc/self/fd/${fd}`, `/fd${fd}`, `/proc/thread-self/fd/${fd}/../..`]) {
        const cwd = [op('CWD', [1], path)];
        const run = await execIn(rig.shim, state, { argv: ['ls'], ops: cwd, cgroup: container.cgroup });
        expect([path, run.code, run.stdout]).toEqual([path, expect.toSatisfy((code) => code !== 0), '']);
      }
      const own = rig.container({ argv: ['ls'], lowers: [lower], process: [op('CWD', [1], `/fd${fd}`)] });
      expect((await own.run()).started.phase).toBe(phases.failed);
    }
    control.close();
  });

  test('sees nothing of the processes that come in (CVE-2016-9962)', async () => {
    const links = '/proc/[0-9]*/exe /proc/[0-9]*/cwd /proc/[0-9]*/root /proc/[0-9]*/fd/*';
    const look = `while :; do for l in ${links}; do readlink $l; done; done`;
    const dockers = op('CAPS', [0xa80425fbn, 0xa80425fbn, 0n, 0n]);
    const container = rig.container({ argv: ['sh', '-c', `${look} 2>/dev/null`], process: [dockers] });
    await container.hold();
    const control = await container.control();
    const { state } = await control.ask('START');
    for (let i = 0; i < 100; i++) await execIn(rig.shim, state, { argv: ['true'], cgroup: container.cgroup });
    await control.ask('KILL', SIGKILL);
    await control.ask('WAIT');
    control.close();
    const seen = new Set(container.output().trim().split('\n'));
    const inside = /^(\/|\/bin\/busybox|\/dev\/null|\/proc.*|(pipe|socket):\[\d+\]|\/.*\/state\/(out|err))$/;
    expect([...seen].filter((path) => !inside.test(path))).toEqual([]);
    expect(seen.size).toBeGreaterThan(3);
  });

  test('is not started when its output would go nowhere', async () => {
    for (const name of ['out', 'err', 'exit']) {
      const container = rig.container({ argv: ['sleep', '1000'] });
      await container.hold();
      const control = await container.control();
      await life(control);
      unlinkSync(join(container.state, name));
      const { state } = await control.ask('START');
      // The file for the exit code is made anew at every start.
      const expected = name === 'exit' ? { phase: phases.running } : { phase: phases.failed, failText: name };
      expect(state).toMatchObject(expected);
      control.close();
    }
  });
});
