import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Tree } from './cpio.ts';
import { unpackPackages } from './package.ts';

const packages = ['systemd', 'libsystemd-shared'];
const programs = ['lib/systemd/systemd', 'lib/systemd/systemd-executor', 'bin/systemctl'];
/** What default dependencies name, and the way down; no unit of theirs that would start a program. */
const units = [
  ...[
    'basic',
    'multi-user',
    'sysinit',
    'local-fs',
    'network',
    'network-online',
    'sockets',
    'timers',
    'paths',
    'slices',
  ],
  ...['shutdown', 'umount', 'final'],
].map((name) => `${name}.target`);

const libraries = 'usr/lib/x86_64-linux-gnu/systemd';

/** Why it cannot be had here; undefined when it can. */
export function systemdMissing(): string | undefined {
  try {
    fetchSystemd();
    return undefined;
  } catch (error) {
    return `cannot get systemd for the test machine: ${String(error).split('\n')[0]}`;
  }
}

function fetchSystemd(): string {
  const tree = join(tmpdir(), 'tscompose-test-systemd');
  if (!existsSync(join(tree, libraries))) unpackPackages(packages, tree);
  return tree;
}

/** Debian's systemd as it lies in its packages, with the libraries of this machine: enough for PID 1 and systemctl. */
export function systemdTrees(): readonly Tree[] {
  const tree = fetchSystemd();
  const there = programs.filter((name) => existsSync(join(tree, name)));
  const shared = readdirSync(join(tree, libraries)).filter((name) => name.includes('.so'));
  const binaries = [...there, ...shared.map((name) => `${libraries}/${name}`)];
  return [
    ...binaries.map((name) => ({ from: join(tree, name), to: `/${name}` })),
    ...units.map((name) => ({ from: join(tree, 'lib/systemd/system', name), to: `/lib/systemd/system/${name}` })),
    ...neededLibraries(
      binaries.map((name) => join(tree, name)),
      join(tree, libraries),
    ),
    { from: join(dirname(fileURLToPath(import.meta.url)), 'vm.service'), to: '/etc/systemd/system/vm.service' },
  ];
}

function neededLibraries(binaries: readonly string[], own: string): readonly Tree[] {
  const env = { ...process.env, LD_LIBRARY_PATH: own };
  const text = execFileSync('ldd', [...binaries], { encoding: 'utf8', env });
  const found = [...text.matchAll(/(?:=> |\t)(\/\S+) \(0x/g)].map(([, path]) => path as string);
  return [...new Set(found)]
    .filter((path) => !path.startsWith(own))
    .map((path) => ({ from: realpathSync(path), to: path }));
}
