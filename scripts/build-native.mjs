// Builds the shim, the net process, and what Node loads, each with one call of the C compiler: make is not on every machine
// that has cc.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

export const warnings = [
  '-std=c11',
  '-Wall',
  '-Wextra',
  '-Wshadow',
  '-Wconversion',
  '-Wswitch-enum',
  '-Wmissing-prototypes',
  '-Wstrict-prototypes',
  '-Wmissing-declarations',
  '-Wwrite-strings',
  '-Wcast-qual',
  '-Wpointer-arith',
  '-Wnull-dereference',
  '-Wundef',
  '-Wvla',
  '-Wformat=2',
  '-Werror',
];

/** Not for the tests' programs, which have libc's declarations beside ours. */
const ownWarnings = ['-Wredundant-decls'];
/** What clang does not know. */
const gccWarnings = ['-Wlogical-op', '-Wduplicated-cond', '-Wduplicated-branches', '-Wformat-signedness'];

// No libc: own entry point, own memcpy. The compiler must not turn the loop inside memcpy into a call of memcpy.
const freestanding = [
  '-Os',
  '-ffreestanding',
  '-fno-pic',
  '-fno-builtin',
  '-fno-asynchronous-unwind-tables',
  '-fstack-protector-strong',
  '-mstack-protector-guard=global',
  '-ffunction-sections',
  '-fdata-sections',
  '-nostdlib',
  '-static',
  '-Wl,--gc-sections,--build-id=none,-z,noexecstack,-z,noseparate-code',
  '-s',
];

/** What Node loads: a shared object, which finds Node-API in the program that loads it. */
const loadable = [
  '-Os',
  '-ffreestanding',
  '-fPIC',
  '-fno-builtin',
  '-fno-asynchronous-unwind-tables',
  '-fno-stack-protector',
  '-fvisibility=hidden',
  '-nostdlib',
  '-shared',
  '-Wl,--build-id=none,-z,noexecstack,-z,now',
  '-s',
];

/** Flags that only one of the two compilers knows. */
function specific(cc) {
  const version = execFileSync(cc, ['--version'], { encoding: 'utf8' });
  if (version.includes('clang')) return [];
  return ['-fno-tree-loop-distribute-patterns', ...gccWarnings];
}

export function nativeSources() {
  const dir = join(root, 'native/src');
  return readdirSync(dir)
    .filter((name) => name.endsWith('.c'))
    .sort()
    .map((name) => join(dir, name));
}

/** The net process is a program of its own: what it shares with the shim is the missing libc. */
const shared = ['libc.c', 'text.c'];

function programs() {
  const net = join(root, 'native/net');
  const own = readdirSync(net).filter((name) => name.endsWith('.c'));
  const common = nativeSources().filter((path) => shared.includes(basename(path)));
  return {
    'tsc-shim': { sources: nativeSources(), flags: freestanding },
    'tsc-net': { sources: [...own.sort().map((name) => join(net, name)), ...common], flags: freestanding },
    'tsc-become.node': { sources: [join(root, 'native/node/become.c')], flags: loadable },
  };
}

function newest(paths) {
  return Math.max(...paths.map((path) => statSync(path).mtimeMs));
}

function inputs(sources) {
  const headers = ['native', 'native/src', 'native/net'].flatMap((dir) =>
    readdirSync(join(root, dir))
      .filter((name) => name.endsWith('.h'))
      .map((name) => join(root, dir, name)),
  );
  return [...sources, ...headers, fileURLToPath(import.meta.url)];
}

function isFresh(output, sources) {
  try {
    return statSync(output).mtimeMs > newest(inputs(sources));
  } catch {
    return false;
  }
}

const targets = { x86_64: 'x64', aarch64: 'arm64' };

function targetOf(cc) {
  const triple = execFileSync(cc, ['-dumpmachine'], { encoding: 'utf8' }).trim();
  const arch = targets[triple.split('-')[0]];
  if (arch === undefined) throw new Error(`cannot build the shim for ${triple}: it knows x86_64 and aarch64`);
  return arch;
}

/**
 * Compiles native/ to `<outDir>/linux-<arch>/`; does nothing for what is newer than all sources.
 * Returns the path of the shim.
 */
export function buildNative({ outDir = join(root, 'dist/native'), cc = process.env.CC ?? 'cc', extra = [] } = {}) {
  const directory = resolve(outDir, `linux-${targetOf(cc)}`);
  for (const [name, { sources, flags }] of Object.entries(programs())) {
    const output = join(directory, name);
    // What is extra (sanitizers, warnings of another compiler) is for the programs.
    const more = flags === freestanding ? extra : [];
    if (more.length > 0 || !isFresh(output, sources)) compile({ cc, flags: [...flags, ...more], sources, output });
  }
  return join(directory, 'tsc-shim');
}

function compile({ cc, flags, sources, output }) {
  mkdirSync(dirname(output), { recursive: true });
  // Built aside and renamed: whoever runs the old one keeps it, whoever looks meanwhile finds a whole one.
  const draft = `${output}.${process.pid}`;
  try {
    execFileSync(cc, [...warnings, ...ownWarnings, ...specific(cc), ...flags, ...sources, '-o', draft], {
      stdio: 'inherit',
    });
    renameSync(draft, output);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** For every machine that a published package is for: the other ones need a cross compiler (gcc-aarch64-linux-gnu). */
function buildAll() {
  const own = process.env.CC ?? 'cc';
  const here = targetOf(own);
  return Object.entries(targets).map(([machine, arch]) =>
    buildNative({ cc: arch === here ? own : `${machine}-linux-gnu-gcc` }),
  );
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const outputs = process.argv.includes('--all') ? buildAll() : [buildNative({})];
  for (const output of outputs) process.stdout.write(`${output} ${statSync(output).size} bytes\n`);
}
