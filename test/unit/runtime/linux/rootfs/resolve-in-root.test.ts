import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { HostPath } from '../../../../../src/model/units.ts';
import { resolveInRoot } from '../../../../../src/runtime/linux/rootfs/resolve-in-root.ts';
import { scratchDirectories } from './scratch.ts';

const scratch = scratchDirectories();

function layer(...files: readonly string[]): HostPath {
  const directory = scratch();
  for (const file of files) {
    mkdirSync(`${directory}${file.slice(0, file.lastIndexOf('/'))}`, { recursive: true });
    writeFileSync(`${directory}${file}`, file);
  }
  return directory;
}

const guest = (layers: readonly HostPath[], path: string, followLast = true) => {
  const resolved = resolveInRoot(layers, path, { followLast });
  return resolved.ok ? resolved.value.guest : resolved.error;
};

describe('resolving a path inside a root', () => {
  it('takes absolute links from that root, not from the host', () => {
    const root = layer('/usr/bin/app');
    symlinkSync('/usr/bin', `${root}/bin`);
    expect(guest([root], '/bin/app')).toBe('/usr/bin/app');
    expect(guest([root], '/../../bin/../bin/app')).toBe('/usr/bin/app');
  });

  it('does not climb above the root by dots in a link', () => {
    const root = layer('/etc/x');
    symlinkSync('../../../../../../../../etc/x', `${root}/climb`);
    expect(guest([root], '/climb')).toBe('/etc/x');
  });

  it('leaves the last link alone when told so', () => {
    const root = layer('/x');
    symlinkSync('x', `${root}/link`);
    expect(guest([root], '/link', false)).toBe('/link');
    expect(guest([root], '/link')).toBe('/x');
  });

  it('says which component is missing, no directory, or a loop', () => {
    const root = layer('/file');
    symlinkSync('b', `${root}/a`);
    symlinkSync('a', `${root}/b`);
    expect(guest([root], '/no/where')).toEqual({ kind: 'missing', at: '/no' });
    expect(guest([root], '/file/x')).toEqual({ kind: 'not-a-directory', at: '/file' });
    expect(guest([root], '/a')).toMatchObject({ kind: 'loop' });
  });

  it('looks through layers, the upper one first', () => {
    const [top, bottom] = [layer('/etc/a'), layer('/etc/a', '/etc/b', '/only/here')];
    const at = (path: string) => {
      const resolved = resolveInRoot([top, bottom], path);
      return resolved.ok ? resolved.value.host : resolved.error.kind;
    };
    expect([at('/etc/a'), at('/etc/b'), at('/only/here'), at('/etc/c')]).toEqual([
      `${top}/etc/a`,
      `${bottom}/etc/b`,
      `${bottom}/only/here`,
      'missing',
    ]);
  });
});
