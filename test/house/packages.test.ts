import { describe, expect, test } from 'vitest';
import { filesBelow, readText } from '../support/tree.ts';

type Package = {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
  readonly optional?: boolean;
  readonly optionalDependencies?: { readonly [name: string]: string };
};

const manifest = JSON.parse(readText('package.json'));
const lock: { readonly packages: { readonly [path: string]: Package } } = JSON.parse(readText('package-lock.json'));

describe('packages', () => {
  test('are pinned to exact versions', () => {
    const ranges = { ...manifest.dependencies, ...manifest.devDependencies } as { readonly [name: string]: string };
    expect(Object.keys(ranges).length).toBeGreaterThan(5);
    expect(Object.entries(ranges).filter(([, range]) => !/^\d+[.]\d+[.]\d+$/.test(range))).toEqual([]);
  });

  test('are locked by content, not by download address', () => {
    const installed = Object.entries(lock.packages).filter(([path]) => path !== '');
    expect(installed.length).toBeGreaterThan(20);
    expect(installed.filter(([, p]) => p.resolved !== undefined).map(([path]) => path)).toEqual([]);
    expect(installed.filter(([, p]) => p.integrity === undefined).map(([path]) => path)).toEqual([]);
  });

  test('of other platforms are locked too, so that npm ci works on every machine', () => {
    const wanted = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.entries(optionalDependencies).map(([name, version]) => ({ path, name, version })),
    );
    expect(wanted.length).toBeGreaterThan(20);
    const absent = wanted.filter(({ path, name, version }) => {
      const found = lock.packages[`${path}/node_modules/${name}`] ?? lock.packages[`node_modules/${name}`];
      return found?.version === undefined || (/^\d/.test(version) && found.version !== version);
    });
    expect(absent).toEqual([]);
  });

  test('need no install script: those that have one work without it', () => {
    const scripted = Object.entries(lock.packages).filter(
      ([, p]) => p.hasInstallScript === true && p.optional !== true,
    );
    // esbuild's only replaces a launcher by the binary it would run; koffi's only builds where no binary is shipped.
    expect(scripted.map(([path]) => path.replace(/.*node_modules\//, '')).sort()).toEqual(['esbuild', 'koffi']);
    for (const step of ['preinstall', 'install', 'postinstall', 'prepare']) {
      expect(manifest.scripts[step], step).toBeUndefined();
    }
  });

  test('are named nowhere by the host they come from', () => {
    const hosts = [
      ['registry', 'npmjs', 'org'],
      ['registry', 'yarnpkg', 'com'],
      ['npmmirror', 'com'],
      ['pypi', 'org'],
      ['deb', 'debian', 'org'],
      ['proxy', 'golang', 'org'],
    ].map((labels) => labels.join('.'));
    const texts = filesBelow('.').filter((path) => !/[.](?:png|gz|svg|cast)$/.test(path));
    expect(texts).toContain('package-lock.json');
    expect(texts.filter((path) => hosts.some((host) => readText(path).includes(host)))).toEqual([]);
  });

  test('that a user installs are few: everything bundled is a development dependency', () => {
    expect(Object.keys(manifest.dependencies)).toEqual(['koffi']);
  });
});
