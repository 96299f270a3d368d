import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildNative } from '../../scripts/build-native.mjs';
import { kill } from '../support/leaks.ts';
import { type Container, Rig } from './rig.ts';
import { execIn, isRoot, op, phases, SIGKILL, type State, until } from './wire.ts';

const possible = isRoot && existsSync('/bin/busybox');
if (!possible) console.log('skipped: native exec tests need root and /bin/busybox (package busybox-static)');

describe.skipIf(!possible)('tsc-shim exec', () => {
  let rig: Rig;
  let container: Container;
  let state: State;
  beforeAll(async () => {
    rig = new Rig(buildNative());
    container = rig.container({ argv: ['sleep', '1000'] });
    await container.hold();
    const control = await container.control();
    state = (await control.ask('START')).state;
    control.close();
    expect(state.phase).toBe(3);
  });
  afterAll(() => rig.close());

  const run = (argv: string[], more: Partial<Parameters<typeof execIn>[2]> = {}) =>
    execIn(rig.shim, state, { argv, cgroup: container.cgroup, ...more });

  test('runs in all namespaces and the cgroup of the container, passes output and exit code on', async () => {
    const script = 'hostname; cat /proc/self/cgroup | grep ^0; echo $$; echo no >&2; exit 5';
    const result = await run(['sh', '-c', script]);
    expect(result).toMatchObject({ code: 5, stderr: 'no\n' });
    expect(result.stdout).toMatch(/^guest\n0::\/\n\d+\n$/);
    expect(result.reports.map((r) => r.kind)).toEqual([7]);
  });

  test('hands stdin through', async () => {
    expect((await run(['cat'], { input: 'to and fro' })).stdout).toBe('to and fro');
  });

  test('answers 127 for what is not there, 126 for what cannot be run, 128+n for signals', async () => {
    expect((await run(['nothing'])).code).toBe(127);
    expect((await run(['/etc'])).code).toBe(126);
    expect((await run(['sh', '-c', 'kill -9 $$'])).code).toBe(137);
  });

  test('forwards signals to the command', async () => {
    const result = await run(['sh', '-c', 'trap "exit 42" TERM; echo up; while :; do sleep 0.05; done'], {
      signal: 'SIGTERM',
    });
    expect(result.code).toBe(42);
  });

  test('a caller that died before it could be watched hangs up all the same', async () => {
    const { pid } = spawnSync('true');
    expect((await run(['sleep', '5'], { caller: pid })).code).toBe(129);
    expect((await run(['sleep', '0'], { caller: 0 })).code).toBe(0);
  });

  test('leaves no descriptor of the host open and nothing inherited', async () => {
    // 3 is the directory that ls itself has open
    expect((await run(['ls', '/proc/self/fd'])).stdout).toBe('0\n1\n2\n3\n');
    const status = (await run(['cat', '/proc/self/status'])).stdout;
    expect(status).toMatch(/SigBlk:\t0+\nSigIgn:\t0+\nSigCgt:\t0+\nCapInh:\t0+\n/);
  });

  test('gives a terminal of the container', async () => {
    const result = await run(['sh', '-c', 'tty; test -t 0 && echo yes'], { tty: true });
    expect(result.stdout).toBe('/dev/pts/0\r\nyes\r\n');
    const cat = await run(['cat'], { tty: true, input: 'typed\n' });
    expect(cat.stdout).toContain('typed\r\n');
    expect(cat.code).toBe(0);
  });

  test('refuses a working directory that leads out', async () => {
    const result = await run(['ls'], { ops: [op('CWD', [0], '/proc/self/fd/3')] });
    expect(result.code).not.toBe(0);
    expect(result.reports.at(-1)?.kind).toBe(4);
  });

  test('takes user, groups and capabilities as told', async () => {
    const groups = new Uint8Array(new Uint32Array([1000, 77]).buffer);
    const result = await run(['sh', '-c', 'id; grep Cap /proc/self/status'], {
      ops: [op('USER', [1000, 1000], groups), op('CAPS', [0x400n, 0x400n, 0n, 0n])],
    });
    expect(result.stdout).toMatch(/uid=1000 gid=1000 groups=77,1000/);
    expect(result.stdout).toMatch(/CapInh:\t0+\nCapPrm:\t0+\nCapEff:\t0+\nCapBnd:\t0+400\nCapAmb:\t0+\n/);
  });

  test('refuses a process number that belongs to another life', async () => {
    const result = await execIn(rig.shim, { ...state, initStart: state.initStart + 1n }, { argv: ['true'] });
    expect(result).toMatchObject({ code: 125 });
    expect(result.reports[0]).toMatchObject({ kind: 4, error: 3 });
  });

  test('runs nothing on the host when it may not see the namespaces of the container', async () => {
    const through = ['setpriv', '--bounding-set=-sys_ptrace', '--inh-caps=-sys_ptrace'];
    const result = await run(['hostname'], { through });
    expect(result).toMatchObject({ code: 125, stdout: '' });
    expect(result.reports.at(-1)).toMatchObject({ kind: 4, phase: 1, error: 13 });
  });

  test('does not keep a container from ending when nobody reads its terminal', async () => {
    const own = rig.container({ argv: ['sleep', '1000'] });
    await own.hold();
    const control = await own.control();
    const { state: running } = await control.ask('START');
    const unread = join(rig.dir, 'unread');
    execFileSync('mkfifo', [unread]);
    const fd = openSync(unread, constants.O_RDWR | constants.O_NONBLOCK);
    const fill = () => writeSync(fd, Buffer.alloc(65536));
    expect(fill()).toBe(65536);
    expect(fill).toThrow('EAGAIN');
    const flood = execIn(rig.shim, running, { argv: ['yes'], cgroup: own.cgroup, tty: true, stdout: fd });
    await until(() => readFileSync(`${own.cgroup}/cgroup.procs`, 'utf8').split('\n').length > 3);
    await control.ask('KILL', SIGKILL);
    expect((await control.ask('WAIT')).state.phase).toBe(phases.exited);
    control.close();
    const drain = () => readSync(fd, Buffer.alloc(65536));
    expect(drain()).toBe(65536);
    expect((await flood).code).toBe(137);
    closeSync(fd);
  });

  test('does not come into a container before that has a root of its own', async () => {
    const own = rig.container({ argv: ['sleep', '1000'] });
    await own.hold();
    const control = await own.control();
    const freeze = (value: '0' | '1') => writeFileSync(join(own.cgroup, 'cgroup.freeze'), value);
    freeze('1');
    control.send('START');
    const { state: starting } = await control.ask('STATUS');
    expect(starting.phase).toBe(phases.starting);
    const entered = execIn(rig.shim, starting, { argv: ['hostname'] });
    // Whoever does not wait has done it by now.
    await Promise.race([entered, new Promise((done) => setTimeout(done, 300))]);
    freeze('0');
    expect(await entered).toMatchObject({ code: 0, stdout: 'guest\n' });
    control.close();
  });

  test('leaves no process when it is killed between the birth of that and its first step', async () => {
    const members = () => readFileSync(`${container.cgroup}/cgroup.procs`, 'utf8').split('\n').length - 1;
    const before = members();
    const pidFile = join(rig.dir, 'pid');
    const through = ['sh', '-c', `echo $$ > ${pidFile}; exec "$@"`, 'sh'];
    // By its parent: the shim refuses to go into a container that is paused itself.
    const freeze = (value: '0' | '1') => writeFileSync(join(container.cgroup, '../cgroup.freeze'), value);
    freeze('1');
    let done: ReturnType<typeof run> | undefined;
    try {
      done = run(['sleep', '1000'], { through, bornInside: true });
      await until(() => members() === before + 1);
      const shim = Number(readFileSync(pidFile, 'utf8'));
      // The helper has been waited for, and after that the new process is told to go on.
      const children = () => readFileSync(`/proc/${shim}/task/${shim}/children`, 'utf8').trim().split(' ');
      await until(() => children().length === 1);
      kill(shim, 'SIGKILL');
      await until(() => !existsSync(`/proc/${shim}`));
    } finally {
      freeze('0');
    }
    await until(() => members() === before);
    expect((await done)?.code).toBe(null);
  });

  test('leaves nothing of itself behind in the container', async () => {
    const before = readFileSync(`${container.cgroup}/cgroup.procs`, 'utf8');
    await run(['true']);
    expect(readFileSync(`${container.cgroup}/cgroup.procs`, 'utf8')).toBe(before);
  });
});
