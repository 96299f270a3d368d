import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { gzipSync } from 'node:zlib';
import { type Header, pack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import type { HostPath } from '../../../../../src/model/units.ts';
import { openStore } from '../../../../../src/runtime/linux/rootfs/store.ts';
import { prepareTarball, type TarballLimits } from '../../../../../src/runtime/linux/rootfs/tarball.ts';
import { treePath } from '../../../../../src/runtime/linux/rootfs/trees.ts';
import { scratchDirectories } from './scratch.ts';

const scratch = scratchDirectories();

type Entry = Partial<Header> & {
  readonly name: string;
  readonly text?: string;
  readonly pax?: { readonly [key: string]: string };
};

async function archive(entries: readonly Entry[]): Promise<Buffer> {
  const packed = pack();
  for (const { text, ...header } of entries) packed.entry(header, text ?? '');
  packed.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of packed) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

type Owned = { readonly mode?: number; readonly uid?: number; readonly gid?: number };
const file = (name: string, text = name, more: Owned = {}): Entry => ({ name, text, mode: 0o644, ...more });
const link = (name: string, linkname: string): Entry => ({ name, linkname, type: 'symlink' });
const hardLink = (name: string, linkname: string): Entry => ({ name, linkname, type: 'link' });
const directory = (name: string, mode = 0o755): Entry => ({ name, type: 'directory', mode });

type Unpacked = { readonly root: string; readonly outside: string; readonly error: string | undefined };

/** Unpacks in a place whose surroundings are looked at afterwards: nothing may have appeared there. */
async function unpack(bytes: Buffer | readonly Entry[], limits: Partial<TarballLimits> = {}): Promise<Unpacked> {
  const outside = scratch();
  const store = openStore(`${outside}/store` as HostPath);
  const path = `${outside}/image.tar`;
  writeFileSync(path, Buffer.isBuffer(bytes) ? bytes : await archive(bytes as readonly Entry[]));
  const prepared = await prepareTarball(store, path, limits);
  expect(readdirSync(outside).sort()).toEqual(['image.tar', 'store']);
  expect(readdirSync(store.tmp)).toEqual([]);
  expect(existsSync('/tscompose-escaped')).toBe(false);
  if (!prepared.ok) {
    expect(readdirSync(store.trees)).toEqual([]);
    return { root: '', outside, error: prepared.error.message.replace(`cannot unpack ${path}: `, '') };
  }
  return { root: treePath(store, prepared.value[0] ?? ''), outside, error: undefined };
}

describe('unpacking a tarball', () => {
  it('keeps contents, modes, owners, times and links', async () => {
    const { root } = await unpack([
      directory('bin', 0o750),
      { ...file('bin/su', 'su', { mode: 0o4755, uid: 12, gid: 34 }), mtime: new Date(1_000_000_000_000) },
      link('sh', '/bin/su'),
      hardLink('bin/sudo', 'bin/su'),
      file('deep/er/file'),
    ]);
    const su = statSync(`${root}/bin/su`);
    expect([su.mode & 0o7777, su.uid, su.gid, su.mtimeMs, su.nlink]).toEqual([0o4755, 12, 34, 1_000_000_000_000, 2]);
    expect(statSync(`${root}/bin/sudo`).ino).toBe(su.ino);
    expect(statSync(`${root}/bin`).mode & 0o7777).toBe(0o750);
    expect(readlinkSync(`${root}/sh`)).toBe('/bin/su');
    expect(readFileSync(`${root}/deep/er/file`, 'utf8')).toBe('deep/er/file');
    expect(statSync(root).mode & 0o7777).toBe(0o755);
  });

  it('reads gzip, also of several members', async () => {
    const bytes = await archive([file('a'), file('b')]);
    const { root } = await unpack(Buffer.concat([gzipSync(bytes.subarray(0, 700)), gzipSync(bytes.subarray(700))]));
    expect(readdirSync(root).sort()).toEqual(['a', 'b']);
  });

  it('reads what GNU tar writes: long names, large owners, pax times', async () => {
    const from = scratch();
    const long = `${'d'.repeat(90)}/${'e'.repeat(90)}/${'f'.repeat(120)}`;
    mkdirSync(`${from}/${long}`, { recursive: true });
    writeFileSync(`${from}/${long}/file`, 'x');
    for (const format of ['gnu', 'pax']) {
      const args = [`--format=${format}`, '--owner=:3000000', '--group=:3000001', '-C', from, '-c', '.'];
      const { root } = await unpack(execFileSync('tar', args));
      const stats = statSync(`${root}/${long}/file`);
      expect([stats.uid, stats.gid]).toEqual([3_000_000, 3_000_001]);
    }
  });

  it('does it once: the second time nothing is unpacked, and a touched file is recognised by its contents', async () => {
    const outside = scratch();
    const store = openStore(`${outside}/store` as HostPath);
    const path = `${outside}/image.tar`;
    writeFileSync(path, await archive([file('a')]));
    const first = await prepareTarball(store, path);
    const inode = statSync(treePath(store, first.ok ? (first.value[0] ?? '') : '')).ino;
    utimesSync(path, 5, 5);
    const second = await prepareTarball(store, path);
    expect(second).toEqual(first);
    expect(statSync(treePath(store, second.ok ? (second.value[0] ?? '') : '')).ino).toBe(inode);
    writeFileSync(path, await archive([file('b')]));
    expect(await prepareTarball(store, path)).not.toEqual(first);
  });

  it('lets a later entry take the place of an earlier one', async () => {
    const { root } = await unpack([
      file('x', 'first'),
      file('x', 'second'),
      directory('d'),
      file('d/inner'),
      file('d', 'now a file'),
      link('l', 'x'),
      directory('l'),
      file('l/inner'),
    ]);
    expect(readFileSync(`${root}/x`, 'utf8')).toBe('second');
    expect(readFileSync(`${root}/d`, 'utf8')).toBe('now a file');
    expect(lstatSync(`${root}/l`).isDirectory()).toBe(true);
    expect(readFileSync(`${root}/l/inner`, 'utf8')).toBe('l/inner');
  });

  it('leaves device nodes and FIFOs out', async () => {
    const { root } = await unpack([
      { name: 'null', type: 'character-device', devmajor: 1, devminor: 3 },
      { name: 'pipe', type: 'fifo' },
      file('after'),
    ]);
    expect(readdirSync(root)).toEqual(['after']);
  });
});

describe('a hostile tarball', () => {
  it('cannot leave the root by dots', async () => {
    for (const name of ['../tscompose-escaped', 'a/../../tscompose-escaped', '/../tscompose-escaped', '..']) {
      expect((await unpack([file(name)])).error).toBe(`the entry "${name}" leads out of its root`);
    }
  });

  it('has its absolute paths taken from the root', async () => {
    const { root } = await unpack([file('/tscompose-escaped'), link('/etc', '/'), file('//etc//x')]);
    expect(readdirSync(root).sort()).toEqual(['etc', 'tscompose-escaped', 'x']);
  });

  it('cannot write through a link to the host', async () => {
    const outside = scratch();
    const { root } = await unpack([
      link('out', outside),
      file('out/tscompose-escaped'),
      link('up', '../../../../../../..'),
      file(`up${outside}/second`),
      link('last', `${outside}/third`),
      file('last', 'not through the link'),
    ]);
    expect(readdirSync(outside)).toEqual([]);
    expect(readFileSync(`${root}${outside}/tscompose-escaped`, 'utf8')).toBe('out/tscompose-escaped');
    expect(existsSync(`${root}${outside}/second`)).toBe(true);
    expect(lstatSync(`${root}/last`).isFile()).toBe(true);
  });

  it('cannot change attributes of the host through a link', async () => {
    const outside = scratch();
    writeFileSync(`${outside}/victim`, '', { mode: 0o600 });
    const before = statSync(outside);
    await unpack([
      link('out', outside),
      directory('out', 0o777),
      link('again', outside),
      directory('again/', 0o777),
      link('file', `${outside}/victim`),
      { ...file('file', 'x'), mode: 0o4777 },
    ]);
    expect(statSync(outside)).toMatchObject({ mode: before.mode, uid: before.uid });
    expect(statSync(`${outside}/victim`).mode & 0o7777).toBe(0o600);
    expect(readFileSync(`${outside}/victim`, 'utf8')).toBe('');
  });

  it('cannot link to a file of the host', async () => {
    for (const target of ['/etc/passwd', '../../../../../etc/passwd', 'missing']) {
      const { error } = await unpack([file('a'), hardLink('stolen', target)]);
      expect(error).toMatch(/is a hard link to|leads out of its root/);
    }
    const { error } = await unpack([link('host', '/'), hardLink('stolen', 'host/etc/passwd')]);
    expect(error).toMatch(/no file of the archive/);
  });

  it('cannot write into a hard-linked file by naming it again', async () => {
    const { root } = await unpack([file('a', 'kept'), hardLink('b', 'a'), file('b', 'new')]);
    expect([readFileSync(`${root}/a`, 'utf8'), readFileSync(`${root}/b`, 'utf8')]).toEqual(['kept', 'new']);
  });

  it('cannot replace the root itself', async () => {
    for (const entry of [link('./', '/'), file('.'), hardLink('/', 'x')]) {
      const { error } = await unpack([file('x'), entry]);
      expect(error).toMatch(/^the root itself/);
    }
    const { root } = await unpack([directory('./', 0o700), file('x')]);
    expect(statSync(root).mode & 0o777).toBe(0o700);
  });

  it('cannot swap a directory for a link under files still to come', async () => {
    const outside = scratch();
    const { root } = await unpack([
      directory('d'),
      file('d/one'),
      link('d', outside),
      file('d/two'),
      directory('e'),
      link('e/f', '../d'),
      file('e/f/three'),
    ]);
    expect(readdirSync(outside)).toEqual([]);
    expect(readdirSync(`${root}${outside}`).sort()).toEqual(['three', 'two']);
  });

  it('is refused when links lead in a circle, and when names are too long or odd', async () => {
    expect((await unpack([link('a', 'b'), link('b', 'a'), file('a/x')])).error).toMatch(/loop of symbolic links/);
    expect((await unpack([file('n'.repeat(256))])).error).toMatch(/too long/);
    expect((await unpack([file(`${'n/'.repeat(2100)}x`)])).error).toMatch(/too long/);
    expect((await unpack([{ ...file('x'), pax: { path: 'a\0b' } }])).error).toMatch(/NUL/);
  });

  it('is refused when an owner is out of range', async () => {
    for (const uid of ['-1', '4294967295', '1e99', 'root']) {
      expect((await unpack([{ ...file('x'), pax: { uid } }])).error).toMatch(/an owner that no system has/);
    }
  });

  it('is stopped at a number of entries and of bytes', async () => {
    const many = Array.from({ length: 20 }, (_, index) => file(`f${index}`));
    expect((await unpack(many, { entries: 10 })).error).toBe('it has more than 10 entries');
    const bomb = gzipSync(await archive([file('zeros', '\0'.repeat(4 << 20))]));
    expect(bomb.length).toBeLessThan(1 << 16);
    expect((await unpack(bomb, { bytes: 1 << 20 })).error).toMatch(/larger than 1048576 bytes/);
  });

  it('is refused when it is damaged or cut off', async () => {
    const bytes = await archive([file('a', 'x'.repeat(5000)), file('b')]);
    expect((await unpack(bytes.subarray(0, 3000))).error).toMatch(/^it is damaged/);
    expect((await unpack(gzipSync(bytes).subarray(0, 60))).error).toMatch(/^its compression is damaged/);
    expect((await unpack(Buffer.from('no archive at all'.repeat(100)))).error).toMatch(/^it is damaged/);
    const flipped = Buffer.from(bytes);
    flipped[20] = 0x41;
    expect((await unpack(flipped)).error).toMatch(/^it is damaged/);
  });

  it('says which compression it cannot read', async () => {
    expect((await unpack(Buffer.from('fd377a585a0000', 'hex'))).error).toBe('it is compressed with xz');
    expect((await unpack(Buffer.from('425a6839', 'hex'))).error).toBe('it is compressed with bzip2');
  });

  it('is told from an image, which is no file system', async () => {
    expect((await unpack([file('manifest.json', '[]'), directory('abc')])).error).toBe(
      'it is an image, not a file system',
    );
  });
});
