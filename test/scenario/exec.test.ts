import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { cgroupLines, over, processesSeen, running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { fileText, inspectionIn, statusField } from '../support/inspection.ts';
import { ended, type Rig, scenario } from '../support/scenario.ts';
import { root } from '../support/tree.ts';

async function up(rig: Rig, more = {}): Promise<void> {
  rig.stack({ web: rig.puppet('web', more) });
  await rig.up();
  await rig.next('web');
}

const look = async (rig: Rig, ...flags: string[]) =>
  inspectionIn((await rig.ok(['exec', '-T', ...flags, 'web', '/bin/inspect'])).stdout);

describe('exec', () => {
  scenario('runs a command among the processes of the container, under its confinement', [], async (rig) => {
    await up(rig, { cap_drop: ['ALL'], environment: { FROM: 'the file' } });
    const { pid } = await running(rig, 'web');
    const seen = await look(rig);
    expect(processesSeen(seen)).toContain(1);
    expect(fileText(seen, '/proc/1/cmdline')).not.toBe('');
    expect(statusField(seen, 'CapEff')).toBe('0000000000000000');
    expect(statusField(seen, 'CapBnd')).toBe('0000000000000000');
    expect(cgroupLines(seen)).toContain('0::/');
    expect(seen.env).toContain('FROM=the file');
    const { readlinkSync } = await import('node:fs');
    for (const kind of ['mnt', 'pid', 'uts', 'ipc', 'net', 'cgroup']) {
      expect(seen.namespaces[kind], kind).toBe(readlinkSync(`/proc/${pid}/ns/${kind}`));
    }
  });

  scenario('takes environment, directory and user', [], async (rig) => {
    await up(rig);
    const seen = await look(rig, '-e', 'A=b c', '-w', '/tmp', '-u', '1000:1001');
    expect(seen.env).toContain('A=b c');
    expect({ cwd: seen.cwd, uid: seen.uid, gid: seen.gid }).toEqual({ cwd: '/tmp', uid: 1000, gid: 1001 });
    expect(statusField(seen, 'CapEff')).toBe('0000000000000000');
  });

  scenario('knows the users that the container has now, and is not misled by its account files', [], async (rig) => {
    const script = [
      'echo late:x:4242:4343::/home/late:/bin/sh >> /etc/passwd',
      'echo crew:x:5000:late >> /etc/group',
      'echo ready; exec sleep 1000',
    ].join('; ');
    const rootfs = { host: ['sh', 'sleep', 'id', 'mkfifo', 'rm', 'ln', 'mv', 'env'] };
    rig.stack({ web: { rootfs, command: ['sh', '-c', script], network_mode: 'none', stop_grace_period: '0s' } });
    await rig.up();
    await eventually(async () => expect((await rig.ok(['logs', 'web'])).stdout).toContain('ready'));
    const as = (user: string, ...command: string[]) => rig.cli(['exec', '-T', '-u', user, 'web', ...command]);
    expect((await as('late', 'id')).stdout).toMatch(/^uid=4242\(late\) gid=4343 groups=4343,5000\(crew\)/);
    expect((await as('late', 'env')).stdout).toContain('HOME=/home/late\n');
    expect((await as('later', 'id')).stderr).toMatch(/cannot find the user "later".*\n *= did you mean "late"\?/);
    // A pipe that nobody writes to, and a link that leads out of the root by its text.
    await rig.ok(['exec', '-T', 'web', 'sh', '-c', 'mv /etc/passwd /etc/kept; mkfifo /etc/passwd']);
    expect((await as('late', 'id')).stderr).toContain('cannot read /etc/passwd of the root filesystem');
    await rig.ok(['exec', '-T', 'web', 'sh', '-c', 'rm /etc/passwd; ln -s ../../../../../etc/kept /etc/passwd']);
    expect((await as('late', 'id', '-u')).stdout).toBe('4242\n');
  });

  scenario('leaves no file of the host open to the command', [], async (rig) => {
    await up(rig);
    const seen = await look(rig);
    const others = Object.entries(seen.fds).filter(([, { target }]) => !target.endsWith('/fd'));
    expect(others.map(([fd]) => fd).sort()).toEqual(['0', '1', '2']);
  });

  scenario('gives an unnamed pipe to its user, and leaves a named one of the host as it is', [], async (rig) => {
    await up(rig);
    const fifo = rig.path('fifo');
    execFileSync('mkfifo', ['-m', '600', fifo]);
    const call = `-p ${rig.project} -f ${rig.path('stack.yml')} exec -T -u 1000:1001 web /bin/inspect`;
    const node = `env -u NODE_EXTRA_CA_CERTS ${process.execPath} ${root}/dist/tscompose.cjs`;
    const named = spawnSync('sh', ['-c', `cat ${fifo} & ${node} ${call} > ${fifo}; wait`], { encoding: 'utf8' });
    expect(inspectionIn(named.stdout)).toMatchObject({ uid: 1000, gid: 1001 });
    expect(statSync(fifo)).toMatchObject({ uid: 0, gid: 0 });
    const unnamed = 'stat -c %u:%g - <&1 >&2';
    const pipe = spawnSync('sh', ['-c', `{ ${node} ${call}; ${unnamed}; } | cat`], { encoding: 'utf8' });
    expect(pipe.stderr).toBe('1000:1001\n');
  });

  scenario('passes the exit code on', ['busybox'], async (rig) => {
    const rootfs = { host: ['busybox', 'sh'] };
    rig.stack({ web: { rootfs, command: ['busybox', 'sleep', '1000'], init: true, network_mode: 'none' } });
    await rig.up();
    await running(rig, 'web');
    expect((await rig.cli(['exec', '-T', 'web', 'sh', '-c', 'exit 42'])).code).toBe(42);
    expect((await rig.cli(['exec', '-T', 'web', 'sh', '-c', 'kill -9 $$'])).code).toBe(137);
    expect((await rig.cli(['exec', '-T', 'web', 'no-such-program'])).code).toBe(127);
    const cat = await rig.cli(['exec', '-T', 'web', 'busybox', 'cat'], { input: 'through the pipe' });
    expect([cat.code, cat.stdout]).toEqual([0, 'through the pipe']);
  });

  scenario(
    'detached returns at once, leaves the command running, and still says what cannot be run',
    [],
    async (rig) => {
      await up(rig);
      await rig.ok(['exec', '-d', 'web', '/bin/puppet', '/strings/ctl', 'beside']);
      const beside = await rig.next('beside');
      expect(beside.guestPid).toBeGreaterThan(1);
      const missing = await rig.cli(['exec', '-d', 'web', '/bin/absent']);
      expect([missing.code, missing.stderr]).toEqual([127, expect.stringContaining('/bin/absent')]);
      beside.tell('exit 0');
      await beside.gone;
    },
  );

  scenario('gives all capabilities only when asked to', ['root'], async (rig) => {
    await up(rig, { cap_drop: ['ALL'] });
    expect(statusField(await look(rig, '--privileged'), 'CapEff')).not.toBe('0000000000000000');
  });

  scenario('reaches the replica that is asked for', [], async (rig) => {
    await up(rig, { deploy: { replicas: 2 } });
    await rig.next('web');
    const seen = await look(rig, '--index', '2');
    expect(seen.env).toContain(`HOSTNAME=${rig.project}-web-2`);
    const none = await rig.cli(['exec', '-T', '--index', '3', 'web', '/bin/inspect']);
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('web number 3 has no container')]);
  });

  scenario('takes the limits of the container', [], async (rig) => {
    await up(rig, { ulimits: { nofile: { soft: 77, hard: 88 } } });
    expect(fileText(await look(rig), '/proc/self/limits')).toMatch(/Max open files +77 +88/);
  });

  scenario('passes signals on to the command', [], async (rig) => {
    await up(rig);
    const call = rig.start(['exec', '-T', 'web', '/bin/puppet', '/strings/ctl', 'beside']);
    const beside = await rig.next('beside');
    await beside.do('catch 15');
    call.kill('SIGTERM');
    await eventually(async () => expect(await beside.say('read /absent')).toBe('signal 15'));
    const end = ended(call);
    beside.tell('exit 9');
    expect((await end).code).toBe(9);
  });

  scenario('keeps no Node beside the command: what was called becomes its relay', [], async (rig) => {
    await up(rig);
    const call = rig.start(['exec', '-T', 'web', '/bin/puppet', '/strings/ctl', 'beside']);
    const beside = await rig.next('beside');
    expect(readFileSync(`/proc/${call.pid}/comm`, 'latin1')).toBe('tsc:exec\n');
    const kilobytes = Number(/^Pss: +(\d+) kB$/m.exec(readFileSync(`/proc/${call.pid}/smaps_rollup`, 'latin1'))?.[1]);
    expect(kilobytes).toBeLessThan(300);
    const end = ended(call);
    beside.tell('exit 3');
    expect((await end).code).toBe(3);
  });

  scenario('runs all the same where it cannot become another program', [], async (rig) => {
    await up(rig);
    const shim = rig.path('native', 'tsc-shim');
    mkdirSync(rig.path('native'));
    copyFileSync(join(root, `dist/native/linux-${process.arch}/tsc-shim`), shim);
    rig.environment = { TSCOMPOSE_SHIM: shim };
    expect((await look(rig)).namespaces).not.toEqual({});
    expect((await rig.cli(['exec', '-T', 'web', '/bin/absent'])).code).toBe(127);
  });

  scenario('in a service without a container, or whose container has ended, says so', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    const before = await rig.cli(['exec', '-T', 'web', '/bin/inspect']);
    expect([before.code, before.stderr]).toEqual([1, expect.stringContaining('no container')]);
    await rig.up();
    (await rig.next('web')).tell('exit 0');
    await over(rig, 'web');
    const after = await rig.cli(['exec', '-T', 'web', '/bin/inspect']);
    expect([after.code, after.stderr]).toEqual([1, expect.stringContaining('not running')]);
  });
});
