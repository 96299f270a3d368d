import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect } from 'vitest';
import { FileError, FileService } from '../../src/runtime/linux/files/service.ts';
import { syncPaths } from '../../src/runtime/linux/files/sync.ts';
import { startTime } from '../../src/runtime/linux/proc.ts';
import { running } from '../support/checks.ts';
import { beside } from '../support/child.ts';
import { built } from '../support/programs.ts';
import { type Rig, scenario } from '../support/scenario.ts';
import { root as checkout } from '../support/tree.ts';

const attributes = { mode: 0o644, uid: 0, gid: 0 };
const shim = join(checkout, 'dist/native', `linux-${process.arch}`, 'tsc-shim');
let open: FileService | undefined;

afterEach(async () => {
  await open?.close();
  open = undefined;
});

/** The files of a running puppet, and where its root can be looked at from outside. */
async function enter(
  rig: Rig,
  more = {},
): Promise<{ readonly files: FileService; readonly root: string; readonly pid: number }> {
  rig.stack({ web: rig.puppet('web', more) });
  await rig.up();
  await rig.next('web');
  const { pid } = await running(rig, 'web');
  open = await FileService.open(shim, { pid, startTime: startTime(pid) ?? 0n });
  return { files: open, root: `/proc/${pid}/root`, pid };
}

async function* bytes(...chunks: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}

async function textOf(files: FileService, path: string): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of files.read(path)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** What comes first of a file's content, or the code of what went wrong. */
async function firstOf(files: FileService, path: string): Promise<string> {
  try {
    for await (const chunk of files.read(path)) return chunk.toString('latin1', 0, 16);
    return '';
  } catch (error) {
    return error instanceof FileError ? error.code : String(error);
  }
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'done',
    (error: unknown) => (error instanceof FileError ? error.code : String(error)),
  );

describe('the file service', () => {
  scenario('writes, reads, lists and removes in the container, which alone sees it', [], async (rig) => {
    const { files, root } = await enter(rig);
    const large = Buffer.alloc(300_000, 'x');
    await files.write('/data/deep/file', bytes('one ', large), {
      ...attributes,
      mode: 0o640,
      uid: 7,
      gid: 8,
      parents: true,
    });
    expect(await textOf(files, '/data/deep/file')).toBe(`one ${large}`);
    const seen = statSync(`${root}/data/deep/file`);
    expect([seen.mode & 0o7777, seen.uid, seen.gid, seen.size]).toEqual([0o640, 7, 8, 300_004]);
    expect(existsSync(rig.path('root/data'))).toBe(false);
    await files.symlink('/data/link', '/data/deep/file', attributes);
    expect(await files.list('/data')).toEqual([
      { name: 'deep', kind: 'directory' },
      { name: 'link', kind: 'symlink' },
    ]);
    expect(await files.readlink('/data/link')).toBe('/data/deep/file');
    expect((await files.stat('/data/link'))?.kind).toBe('symlink');
    expect((await files.stat('/data/link', { follow: true }))?.kind).toBe('file');
    await files.remove('/data');
    expect(await files.stat('/data')).toBeUndefined();
    expect(await codeOf(files.remove('/data'))).toBe('done');
  });

  scenario('lets no link lead out of the container', [], async (rig) => {
    rig.puppetRoot();
    const outside = rig.path('outside');
    mkdirSync(outside);
    writeFileSync(`${outside}/secret`, 'of the host');
    symlinkSync(outside, rig.path('root/absolute'));
    symlinkSync(`../../../../../..${outside}`, rig.path('root/relative'));
    symlinkSync('/proc/self/root', rig.path('root/magic'));
    const { files } = await enter(rig);
    for (const way of ['/absolute', '/relative', `/magic${outside}`, `/proc/1/root${outside}`]) {
      expect(await codeOf(textOf(files, `${way}/secret`)), way).not.toBe('done');
      await files.write(`${way}/new`, bytes('x'), { ...attributes, parents: true }).catch(() => {});
      await files.remove(`${way}/secret`).catch(() => {});
    }
    expect(readFileSync(`${outside}/secret`, 'utf8')).toBe('of the host');
    expect(existsSync(`${outside}/new`)).toBe(false);
  });

  scenario('replaces a link instead of writing through it', [], async (rig) => {
    rig.puppetRoot();
    writeFileSync(rig.path('root/victim'), 'untouched');
    symlinkSync('/victim', rig.path('root/link'));
    const { files, root } = await enter(rig);
    await files.write('/link', bytes('new'), attributes);
    expect((await files.stat('/link'))?.kind).toBe('file');
    expect(readFileSync(`${root}/victim`, 'utf8')).toBe('untouched');
  });

  scenario('refuses to change what is a knob of the kernel', [], async (rig) => {
    const { files } = await enter(rig, { privileged: true });
    const before = readFileSync('/proc/sys/kernel/core_pattern', 'utf8');
    expect(await codeOf(files.write('/proc/sys/kernel/core_pattern', bytes('|/evil'), attributes))).toBe('EPERM');
    expect(await codeOf(files.mkdir('/sys/kernel/mine', attributes))).toBe('EPERM');
    expect(readFileSync('/proc/sys/kernel/core_pattern', 'utf8')).toBe(before);
  });

  scenario('never opens a device that takes the place of a file meanwhile', [], async (rig) => {
    mkdirSync(rig.path('shared'));
    writeFileSync(rig.path('shared/place'), 'a file');
    // Once opened, it never ends.
    execFileSync('mknod', [rig.path('shared/other'), 'c', '1', '7']);
    const { files } = await enter(rig, { volumes: ['./shared:/shared'] });
    const names = [rig.path('shared/place'), rig.path('shared/other')];
    const flipper = beside(spawn(built('exchange'), names, { stdio: 'ignore' }));
    try {
      const seen = new Set<string>();
      for (let i = 0; i < 2000; i++) seen.add(await firstOf(files, '/shared/place'));
      expect([...seen].sort()).toEqual(['EINVAL', 'a file']);
    } finally {
      flipper.kill('SIGKILL');
    }
  });

  scenario('does not open a FIFO, and says what is not there', ['busybox'], async (rig) => {
    const { files, root } = await enter(rig);
    const { execFileSync } = await import('node:child_process');
    execFileSync('mkfifo', [`${root}/tmp/fifo`]);
    expect(await codeOf(textOf(files, '/tmp/fifo'))).toBe('EINVAL');
    expect(await codeOf(textOf(files, '/nowhere'))).toBe('ENOENT');
    expect(await codeOf(files.list('/bin/puppet'))).toBe('ENOTDIR');
    expect(await codeOf(files.write('/tmp', bytes('x'), attributes))).toBe('EISDIR');
  });

  scenario('overwrites a single file that is a mount', [], async (rig) => {
    writeFileSync(rig.path('conf'), 'old');
    const { files } = await enter(rig, { volumes: ['./conf:/conf'] });
    await files.write('/conf', bytes('new'), attributes);
    expect(readFileSync(rig.path('conf'), 'utf8')).toBe('new');
  });

  scenario('ends with the container, and refuses one that has ended', [], async (rig) => {
    const { files, pid } = await enter(rig);
    const start = startTime(pid) ?? 0n;
    await files.close();
    await rig.ok(['stop']);
    expect(await codeOf(FileService.open(shim, { pid, startTime: start }))).toBe('ESRCH');
  });
});

describe('bringing files of the host into a container', () => {
  scenario('makes each target what its source is', [], async (rig) => {
    mkdirSync(rig.path('src/dir'), { recursive: true });
    writeFileSync(rig.path('src/dir/run.sh'), '#!/bin/sh\n', { mode: 0o755 });
    writeFileSync(rig.path('src/plain'), 'text');
    symlinkSync('plain', rig.path('src/link'));
    const { files, root } = await enter(rig);
    const paths = ['dir', 'dir/run.sh', 'plain', 'link', 'gone'].map((name) => ({
      source: rig.path('src', name),
      target: `/app/${name}`,
    }));
    await files.write('/app/gone', bytes('x'), { ...attributes, parents: true });
    await syncPaths(files, paths);
    expect(statSync(`${root}/app/dir/run.sh`).mode & 0o777).toBe(0o755);
    expect(readFileSync(`${root}/app/plain`, 'utf8')).toBe('text');
    expect(readlinkSync(`${root}/app/link`)).toBe('plain');
    expect(existsSync(`${root}/app/gone`)).toBe(false);
  });

  scenario('keeps the owner of what is there and gives new files that of their directory', [], async (rig) => {
    writeFileSync(rig.path('file'), 'new');
    const { files, root } = await enter(rig);
    await files.mkdir('/app', { mode: 0o755, uid: 33, gid: 34 });
    await files.write('/app/old', bytes('old'), { ...attributes, uid: 5, gid: 6 });
    await syncPaths(files, [
      { source: rig.path('file'), target: '/app/old' },
      { source: rig.path('file'), target: '/app/sub/fresh' },
    ]);
    const owners = ['old', 'sub/fresh']
      .map((name) => statSync(`${root}/app/${name}`))
      .map(({ uid, gid }) => [uid, gid]);
    expect(owners).toEqual([
      [5, 6],
      [33, 34],
    ]);
  });
});
