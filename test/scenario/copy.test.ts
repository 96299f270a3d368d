import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect } from 'vitest';
import { running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { killed, monitorsOf } from '../support/leaks.ts';
import { ended, type Rig, scenario } from '../support/scenario.ts';

/** A running puppet, and where its root can be looked at from outside. */
async function up(rig: Rig, more = {}): Promise<string> {
  rig.stack({ web: rig.puppet('web', more) });
  await rig.up();
  await rig.next('web');
  return `/proc/${(await running(rig, 'web')).pid}/root`;
}

/** A directory with what a copy has to keep. */
function tree(rig: Rig): string {
  const path = rig.path('tree');
  mkdirSync(`${path}/deep/empty`, { recursive: true });
  writeFileSync(`${path}/deep/file`, 'content');
  linkSync(`${path}/deep/file`, `${path}/again`);
  writeFileSync(`${path}/run`, '#!/bin/sh\n');
  chmodSync(`${path}/run`, 0o750);
  symlinkSync('deep/file', `${path}/link`);
  symlinkSync('/absent', `${path}/dangling`);
  writeFileSync(`${path}/sparse`, '');
  truncateSync(`${path}/sparse`, 50 << 20);
  return path;
}

function expectTree(path: string, owner = 0): void {
  expect(readFileSync(`${path}/deep/file`, 'utf8')).toBe('content');
  const names = [statSync(`${path}/deep/file`), statSync(`${path}/again`)];
  expect(names.map(({ nlink }) => nlink)).toEqual([2, 2]);
  expect(names[0]?.ino).toBe(names[1]?.ino);
  expect(statSync(`${path}/deep/empty`).isDirectory()).toBe(true);
  expect(statSync(`${path}/run`).mode & 0o7777).toBe(0o750);
  expect([readlinkSync(`${path}/link`), readlinkSync(`${path}/dangling`)]).toEqual(['deep/file', '/absent']);
  expect(statSync(`${path}/sparse`).size).toBe(50 << 20);
  expect([lstatSync(`${path}/deep`).uid, lstatSync(`${path}/run`).uid]).toEqual([owner, owner]);
}

describe('cp', () => {
  scenario('takes a directory in and out again, with modes, links, times and holes', [], async (rig) => {
    const root = await up(rig);
    tree(rig);
    await rig.ok(['cp', './tree', 'web:/tmp']);
    expectTree(`${root}/tmp/tree`);
    await rig.ok(['cp', 'web:/tmp/tree', './back']);
    expectTree(rig.path('back'));
    expect(statSync(rig.path('back/run')).mtimeMs).toBeCloseTo(statSync(rig.path('tree/run')).mtimeMs, -1);
    expect(statSync(rig.path('back/sparse')).blocks).toBeLessThan(1000);
    await rig.ok(['cp', './tree/.', 'web:/tmp']);
    expectTree(`${root}/tmp`);
  });

  scenario('gives what is new to root, or with -a to whom it belonged', [], async (rig) => {
    const root = await up(rig);
    writeFileSync(rig.path('mine'), 'x');
    execFileSync('chown', ['1234:4321', rig.path('mine')]);
    await rig.ok(['cp', './mine', 'web:/tmp/plain']);
    await rig.ok(['cp', '-a', './mine', 'web:/tmp/kept']);
    const owner = (path: string) => [statSync(path).uid, statSync(path).gid];
    expect([owner(`${root}/tmp/plain`), owner(`${root}/tmp/kept`)]).toEqual([
      [0, 0],
      [1234, 4321],
    ]);
    await rig.ok(['cp', '-a', 'web:/tmp/kept', './back']);
    expect(owner(rig.path('back'))).toEqual([1234, 4321]);
  });

  scenario('follows a link with -L, and copies the link without', [], async (rig) => {
    await up(rig);
    writeFileSync(rig.path('real'), 'behind the link');
    symlinkSync('real', rig.path('link'));
    await rig.ok(['cp', '-L', './link', 'web:/tmp/followed']);
    await rig.ok(['cp', './link', 'web:/tmp/link']);
    await rig.ok(['cp', './real', 'web:/tmp/real']);
    await rig.ok(['cp', 'web:/tmp/link', './as-link']);
    await rig.ok(['cp', '-L', 'web:/tmp/link', './as-file']);
    expect(readlinkSync(rig.path('as-link'))).toBe('real');
    expect(readFileSync(rig.path('as-file'), 'utf8')).toBe('behind the link');
  });

  scenario('speaks tar on its standard streams', [], async (rig) => {
    const root = await up(rig);
    tree(rig);
    const sent = spawnSync('sh', [
      '-c',
      `tar -C ${rig.path('tree')} -c . | env -u NODE_EXTRA_CA_CERTS ${process.execPath} dist/tscompose.cjs -p ${rig.project} -f ${rig.path('stack.yml')} cp - web:/tmp`,
    ]);
    expect([sent.status, sent.stderr.toString()]).toEqual([0, '']);
    expectTree(`${root}/tmp`);
    mkdirSync(rig.path('out'));
    const got = spawnSync('sh', [
      '-c',
      `env -u NODE_EXTRA_CA_CERTS ${process.execPath} dist/tscompose.cjs -p ${rig.project} -f ${rig.path('stack.yml')} cp web:/tmp - | tar -C ${rig.path('out')} -x`,
    ]);
    expect([got.status, got.stderr.toString()]).toEqual([0, '']);
    expectTree(rig.path('out/tmp'));
    const wrong = await rig.cli(['cp', '-', 'web:/tmp'], { input: 'x'.repeat(2000) });
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('tar archive')]);
  });

  scenario('reaches all replicas, or the one that is asked for', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { deploy: { replicas: 2 } }) });
    await rig.up();
    await rig.next('web');
    await rig.next('web');
    writeFileSync(rig.path('note'), 'for both');
    await rig.ok(['cp', './note', 'web:/tmp/both']);
    await rig.ok(['cp', '--index', '2', './note', 'web:/tmp/second']);
    for (const [index, name, code] of [
      ['1', 'both', 0],
      ['2', 'both', 0],
      ['1', 'second', 1],
      ['2', 'second', 0],
    ] as const) {
      expect((await rig.cli(['cp', '--index', index, `web:/tmp/${name}`, './got'])).code, `${name} ${index}`).toBe(
        code,
      );
    }
  });

  scenario(
    'a link in the container never leads out of it, nor a file of it through a link of the host',
    [],
    async (rig) => {
      const root = await up(rig);
      writeFileSync(rig.path('secret'), 'of the host');
      symlinkSync(rig.path('secret'), `${root}/tmp/escape`);
      mkdirSync(`${root}/tmp/dir/sub`, { recursive: true });
      writeFileSync(`${root}/tmp/dir/sub/file`, 'from the container');
      const out = await rig.cli(['cp', '-L', 'web:/tmp/escape', './got']);
      expect([out.code, out.stderr]).toEqual([1, expect.stringMatching(/no such file/i)]);
      writeFileSync(rig.path('note'), 'into the container');
      await rig.cli(['cp', './note', 'web:/tmp/escape']);
      expect(readFileSync(rig.path('secret'), 'utf8')).toBe('of the host');
      mkdirSync(rig.path('elsewhere'));
      mkdirSync(rig.path('here/dir'), { recursive: true });
      symlinkSync(rig.path('elsewhere'), rig.path('here/dir/sub'));
      const through = await rig.cli(['cp', 'web:/tmp/dir', './here']);
      expect([through.code, through.stderr]).toEqual([1, expect.stringContaining('no directory')]);
      expect(() => statSync(rig.path('elsewhere/file'))).toThrow(/ENOENT/);
    },
  );

  scenario('reaches what does not run', [], async (rig) => {
    await up(rig);
    await rig.ok(['stop']);
    tree(rig);
    await rig.ok(['cp', './tree', 'web:/tmp']);
    await rig.ok(['cp', 'web:/tmp/tree', './back']);
    expectTree(rig.path('back'));
    await rig.ok(['start']);
    await rig.next('web');
    expectTree(`/proc/${(await running(rig, 'web')).pid}/root/tmp/tree`);
  });

  scenario('reaches what has not run since the machine was started', [], async (rig) => {
    await up(rig);
    await rig.ok(['stop']);
    for (const { pid } of monitorsOf(rig.project)) killed(pid);
    rmSync(`/run/tscompose/${rig.project}`, { recursive: true });
    tree(rig);
    await rig.ok(['cp', './tree', 'web:/tmp']);
    await rig.ok(['cp', 'web:/tmp/tree', './back']);
    expectTree(rig.path('back'));
    await rig.ok(['export', '-o', 'out.tar', 'web']);
  });

  // A container that was started beside our mount of its layers would not see what is written there any more.
  scenario('keeps what does not run from being started until it has all', [], async (rig) => {
    await up(rig);
    await rig.ok(['stop']);
    mkdirSync(rig.path('sent'));
    for (const name of ['early', 'late']) writeFileSync(rig.path('sent', name), name);
    const archive = execFileSync('tar', ['-C', rig.path('sent'), '-c', 'early', 'late']);
    const copy = rig.start(['cp', '-', 'web:/tmp'], { input: { open: true } });
    const copied = ended(copy);
    try {
      // One file, its head before it, and the head of the next.
      copy.stdin?.write(archive.subarray(0, 3 * 512));
      await eventually(async () => expect((await rig.ok(['diff', 'web'])).stdout).toContain('/tmp/early'));
      const start = rig.start(['start']);
      let said = '';
      start.stderr?.on('data', (bytes: Buffer) => {
        said += bytes.toString();
      });
      const started = ended(start);
      await eventually(() => expect(said).toBe(`waiting for \`tscompose cp\` (pid ${copy.pid}) to finish\n`));
      // Whoever only reads needs to wait for nobody.
      await rig.ok(['cp', 'web:/tmp/early', './back']);
      copy.stdin?.end(archive.subarray(3 * 512));
      expect([(await copied).code, (await started).code]).toEqual([0, 0]);
    } finally {
      copy.kill();
    }
    const web = await rig.next('web');
    expect(await web.say('list /tmp')).toContain('late');
  });

  scenario('says what it cannot do', [], async (rig) => {
    await up(rig);
    const missing = await rig.cli(['cp', 'web:/absent', './x']);
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('/absent in the container: ')]);
    const nowhere = await rig.cli(['cp', './stack.yml', 'web:/absent/place/file']);
    expect([nowhere.code, nowhere.stderr]).toEqual([1, expect.stringContaining('in the container: ')]);
    const neither = await rig.cli(['cp', './a', './b']);
    expect([neither.code, neither.stderr]).toEqual([2, expect.stringContaining('neither of the two paths')]);
    const proc = await rig.cli(['cp', './stack.yml', 'web:/proc/sys/kernel/hostname']);
    expect(proc.code).toBe(1);
  });
});

describe('export', () => {
  scenario('writes a root filesystem that a service can have', [], async (rig) => {
    const root = await up(rig, { volumes: ['/data'] });
    writeFileSync(`${root}/tmp/made`, 'in the container');
    await rig.ok(['export', '-o', 'out.tar', 'web']);
    const names = execFileSync('tar', ['-tf', rig.path('out.tar')], { encoding: 'utf8' }).split('\n');
    expect(names).toEqual(expect.arrayContaining(['bin/puppet', 'tmp/made', 'proc/']));
    expect(names.filter((name) => /^(proc|sys|dev|data|strings)\/./.test(name))).toEqual([]);
    rig.stack({ copy: { rootfs: './out.tar', command: ['/bin/inspect'], network_mode: 'none' } });
    await rig.ok(['down', '--remove-orphans']);
    await rig.ok(['run', '--rm', '-T', 'copy']);
  });

  scenario('that finds no room says so, and one that nobody reads to its end says nothing', [], async (rig) => {
    await up(rig);
    const full = await rig.cli(['export', '-o', '/dev/full', 'web']);
    const said = `error: cannot copy the files of ${rig.project}-web-1: no space left on the device\n`;
    expect([full.code, full.stderr]).toEqual([1, said]);
    const child = rig.start(['export', 'web']);
    child.stdout?.once('data', () => child.stdout?.destroy());
    expect(await ended(child)).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('diff', () => {
  scenario('tells what was added, changed and deleted', [], async (rig) => {
    rig.puppetRoot();
    for (const [name, text] of [
      ['etc/kept', '1'],
      ['etc/changed', '1'],
      ['etc/gone', '1'],
      ['etc/old/inner', '1'],
    ] as const) {
      mkdirSync(rig.path('root', name, '..'), { recursive: true });
      writeFileSync(rig.path('root', name), text);
    }
    const root = await up(rig);
    const before = (await rig.ok(['diff', 'web'])).stdout.split('\n');
    writeFileSync(`${root}/etc/changed`, '2');
    execFileSync('rm', ['-r', `${root}/etc/gone`, `${root}/etc/old`]);
    mkdirSync(`${root}/etc/old`);
    mkdirSync(`${root}/etc/new`);
    writeFileSync(`${root}/etc/new/file`, '');
    const after = (await rig.ok(['diff', 'web'])).stdout.split('\n').filter((line) => !before.includes(line));
    expect(after).toEqual([
      'C /etc/changed',
      'D /etc/gone',
      'A /etc/new',
      'A /etc/new/file',
      'C /etc/old',
      'D /etc/old/inner',
    ]);
    await rig.ok(['stop']);
    expect((await rig.ok(['diff', '--json', 'web'])).stdout).toContain('{"kind":"D","path":"/etc/gone"}');
  });
});
