import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { GuestPath, HostPath } from '../../../../src/model/units.ts';
import {
  anonymousVolumeName,
  createVolume,
  fillVolume,
  listVolumes,
  readVolume,
  removeVolume,
  sweepVolumes,
  volumeData,
  volumeSubpath,
} from '../../../../src/runtime/linux/volumes.ts';
import { scratchDirectories } from './rootfs/scratch.ts';

const scratch = scratchDirectories();
const target = '/var/lib/app' as GuestPath;

const base = (): HostPath => `${scratch()}/volumes` as HostPath;
const make = (at: HostPath, name: string, project = 'shop') =>
  createVolume(at, { name, project, key: name, labels: { tier: 'back' } });

function layer(files: { readonly [path: string]: string }): HostPath {
  const root = scratch();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(`${root}${target}${path.slice(0, path.lastIndexOf('/'))}`, { recursive: true });
    writeFileSync(`${root}${target}${path}`, text);
  }
  return root;
}

const fill = (at: HostPath, name: string, layers: readonly HostPath[], keepHardLinks = true) =>
  fillVolume(at, name, { layers, target, keepHardLinks });

describe('volumes', () => {
  it('are made once, listed by project, and gone when removed', () => {
    const at = base();
    expect(make(at, 'shop_data')).toEqual({ ok: true, value: `${at}/shop_data/_data` });
    writeFileSync(`${at}/shop_data/_data/kept`, '');
    make(at, 'shop_data');
    make(at, 'other_data', 'other');
    expect(existsSync(`${at}/shop_data/_data/kept`)).toBe(true);
    expect(listVolumes(at, 'shop')).toMatchObject([{ name: 'shop_data', key: 'shop_data', labels: { tier: 'back' } }]);
    expect(removeVolume(at, 'shop_data').ok).toBe(true);
    expect(removeVolume(at, 'shop_data').ok).toBe(true);
    expect(readVolume(at, 'shop_data')).toBeUndefined();
    expect(readdirSync(at)).toEqual(['other_data']);
  });

  it('are not listed when there is no directory for them yet', () => {
    expect(listVolumes(base(), 'shop')).toEqual([]);
  });

  it('of another project are not taken over', () => {
    const at = base();
    make(at, 'data', 'other');
    const made = make(at, 'data');
    expect(made.ok ? '' : made.error.message).toBe('cannot create the volume data: it belongs to the project other');
  });

  it('have names that are no paths', () => {
    const at = base();
    mkdirSync(`${at}/../victim`, { recursive: true });
    for (const name of ['../victim', '', '.', '..', 'a/b', '.hidden', 'x'.repeat(300)]) {
      expect(make(at, name).ok).toBe(false);
      removeVolume(at, name);
      expect(readVolume(at, name)).toBeUndefined();
    }
    expect(existsSync(`${at}/../victim`)).toBe(true);
  });

  it('that are anonymous keep their name while project, container and target are the same', () => {
    const name = anonymousVolumeName('shop', 'shop-db-1', target);
    expect(name).toMatch(/^shop-db-1-[0-9a-f]{12}$/);
    expect(anonymousVolumeName('shop', 'shop-db-1', target)).toBe(name);
    expect(anonymousVolumeName('other', 'shop-db-1', target)).not.toBe(name);
    expect(anonymousVolumeName('shop', 'shop-db-1', '/other' as GuestPath)).not.toBe(name);
  });

  it('that a killed command left half-made are swept', () => {
    const at = base();
    make(at, 'data');
    mkdirSync(`${at}/.new-0123/_data`, { recursive: true });
    mkdirSync(`${at}/.old-0123`);
    sweepVolumes(at);
    expect(readdirSync(at)).toEqual(['data']);
  });
});

describe('the first use of a volume', () => {
  it('copies what the root filesystem has there, with owners, modes, times and links', () => {
    const at = base();
    const root = layer({ '/conf/a': 'text', '/b': 'b' });
    const from = `${root}${target}`;
    symlinkSync('conf/a', `${from}/link`);
    linkSync(`${from}/b`, `${from}/same`);
    chownSync(`${from}/conf/a`, 12, 34);
    chmodSync(`${from}/conf/a`, 0o4640);
    chownSync(from, 56, 78);
    chmodSync(from, 0o2770);
    utimesSync(`${from}/conf/a`, 1_000_000, 1_000_000);
    make(at, 'data');
    expect(fill(at, 'data', [root])).toEqual({ ok: true, value: undefined });

    const data = volumeData(at, 'data');
    const copied = statSync(`${data}/conf/a`);
    expect([copied.uid, copied.gid, copied.mode & 0o7777, copied.mtimeMs]).toEqual([12, 34, 0o4640, 1_000_000_000]);
    expect([statSync(data).uid, statSync(data).gid, statSync(data).mode & 0o7777]).toEqual([56, 78, 0o2770]);
    expect(readlinkSync(`${data}/link`)).toBe('conf/a');
    expect(statSync(`${data}/same`).ino).toBe(statSync(`${data}/b`).ino);
    expect(statSync(`${data}/b`).ino).not.toBe(statSync(`${from}/b`).ino);
    expect(readdirSync(`${at}/data`).sort()).toEqual(['_data', 'volume.json']);
  });

  it('does not tie files together that only share their contents in the store', () => {
    const at = base();
    const root = layer({ '/a': 'same' });
    linkSync(`${root}${target}/a`, `${root}${target}/b`);
    make(at, 'data');
    fill(at, 'data', [root], false);
    expect(statSync(`${volumeData(at, 'data')}/a`).nlink).toBe(1);
  });

  it('sees layers as an overlay shows them', () => {
    const at = base();
    const layers = [layer({ '/d/x': 'top', '/f': 'top' }), layer({ '/d/x': 'low', '/d/y': 'low', '/f/hidden': 'low' })];
    make(at, 'data');
    fill(at, 'data', layers);
    const data = volumeData(at, 'data');
    expect(readFileSync(`${data}/d/x`, 'utf8')).toBe('top');
    expect(readFileSync(`${data}/d/y`, 'utf8')).toBe('low');
    expect(lstatSync(`${data}/f`).isFile()).toBe(true);
  });

  it('leaves a volume alone that has something in it', () => {
    const at = base();
    make(at, 'data');
    writeFileSync(`${volumeData(at, 'data')}/mine`, '');
    fill(at, 'data', [layer({ '/a': '' })]);
    expect(readdirSync(volumeData(at, 'data'))).toEqual(['mine']);
  });

  it('is nothing special when the root filesystem has nothing there', () => {
    const at = base();
    make(at, 'data');
    expect(fill(at, 'data', [scratch()]).ok).toBe(true);
    expect(readdirSync(volumeData(at, 'data'))).toEqual([]);
  });

  it('is refused where the root filesystem has a file', () => {
    const at = base();
    const root = scratch();
    mkdirSync(`${root}/var/lib`, { recursive: true });
    writeFileSync(`${root}${target}`, '');
    make(at, 'data');
    const filled = fill(at, 'data', [root]);
    expect(filled.ok ? '' : filled.error.message).toMatch(/has a file there$/);
  });

  it('does not follow a link of the root filesystem to the host', () => {
    const at = base();
    const [outside, root] = [scratch(), scratch()];
    writeFileSync(`${outside}/secret`, '');
    mkdirSync(`${root}/var/lib`, { recursive: true });
    symlinkSync(outside, `${root}${target}`);
    make(at, 'data');
    fill(at, 'data', [root]);
    expect(readdirSync(volumeData(at, 'data'))).toEqual([]);
  });

  it('goes on where a killed command has stopped', () => {
    const at = base();
    const root = layer({ '/a': '1', '/b': '2', '/c': '3' });
    chmodSync(`${root}${target}`, 0o750);
    make(at, 'data');
    const before = readFileSync(`${at}/data/volume.json`, 'utf8');
    fill(at, 'data', [root]);
    const data = volumeData(at, 'data');
    // As it is in the middle of moving: two of the three are still on their way.
    mkdirSync(`${at}/data/_fill`, { mode: 0o750 });
    for (const name of ['b', 'c']) renameSync(`${data}/${name}`, `${at}/data/_fill/${name}`);
    writeFileSync(`${at}/data/volume.json`, JSON.stringify({ ...JSON.parse(before), filling: true }));
    expect(fill(at, 'data', [root]).ok).toBe(true);
    expect(readdirSync(data).sort()).toEqual(['a', 'b', 'c']);
    expect(readVolume(at, 'data')).toEqual(JSON.parse(before));
  });

  it('starts over when the copy itself was cut short', () => {
    const at = base();
    make(at, 'data');
    mkdirSync(`${at}/data/_fill/half`, { recursive: true });
    fill(at, 'data', [layer({ '/a': '1' })]);
    expect(readdirSync(volumeData(at, 'data'))).toEqual(['a']);
  });
});

describe('a part of a volume', () => {
  it('is found below it, and nowhere else', () => {
    const at = base();
    make(at, 'data');
    const data = volumeData(at, 'data');
    mkdirSync(`${data}/a/b`, { recursive: true });
    symlinkSync('/', `${data}/a/root`);
    const sub = (path: string) => {
      const found = volumeSubpath(at, 'data', path);
      return found.ok ? found.value : found.error.message;
    };
    expect(sub('a/./b/')).toBe(`${data}/a/b`);
    expect(sub('')).toBe(data);
    expect(sub('a/../..')).toMatch(/leads out of the volume$/);
    expect(sub('a/root/etc')).toMatch(/a symbolic link is on the way$/);
    expect(sub('a/c')).toMatch(/does not exist$/);
  });
});
