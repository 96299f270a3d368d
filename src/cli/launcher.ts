import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { Script, constants as vmConstants } from 'node:vm';
import { checksum } from './cache/checksum.ts';
import { doubled, halved } from './cache/doubled.ts';

// The file behind the `tscompose` command. It loads the bundle with the machine code that V8 made of it in an earlier
// run, which halves the start; every way in which that can go wrong leads to loading it as Node would. Imports
// nothing slow: each builtin module here is one that Node has loaded by itself already.

/** Replaced by the build: changes with every change of the bundle. */
declare const TSCOMPOSE_BUILD: string;

type Entry = {
  readonly main: (
    argv: readonly string[],
    options: { readonly cacheDirectory: string | undefined; readonly ran: (what: string) => void },
  ) => Promise<void>;
};

type Chunk = { readonly script: Script; readonly warm: readonly string[]; readonly stale: boolean };

const chunks = new Map<string, Chunk>();
const loaded = new Map<string, NodeModule>();
const builds = 4;

/** A private directory for what can be made again; undefined when there is none that only we can write to. */
function cacheDirectory(): string | undefined {
  const { XDG_CACHE_HOME: xdg, HOME: home } = process.env;
  const uid = process.geteuid?.() ?? -1;
  const parent = xdg?.startsWith('/')
    ? xdg
    : uid === 0
      ? '/var/cache'
      : home?.startsWith('/')
        ? join(home, '.cache')
        : undefined;
  if (parent === undefined) return undefined;
  const directory = join(parent, 'tscompose');
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    // Code read from a directory that somebody else can write to (XDG_CACHE_HOME kept by sudo) would be theirs to choose.
    const safe = [parent, directory].every((path) => {
      const stat = statSync(path);
      return (stat.uid === uid || stat.uid === 0) && (stat.mode & 0o022) === 0;
    });
    return safe ? directory : undefined;
  } catch {
    return undefined;
  }
}

function codeDirectory(cache: string): string {
  const flags = [process.version, process.arch, ...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' ');
  return join(cache, 'code', `${TSCOMPOSE_BUILD}-${process.version}-${checksum(Buffer.from(flags))}`);
}

const headerBytes = 256;

type Stored = { readonly warm: readonly string[]; readonly code: Buffer };

/** 256 bytes of JSON padded with spaces, then what V8 gave. */
function readStored(path: string): Stored | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.uid !== process.geteuid?.() || (stat.mode & 0o022) !== 0 || stat.size > 64 << 20) {
      return undefined;
    }
    const bytes = Buffer.allocUnsafe(stat.size);
    if (readSync(fd, bytes, 0, stat.size, 0) !== stat.size || stat.size <= headerBytes) return undefined;
    // V8 does not check the body of its cache, and crashes on a damaged one.
    const whole = halved(bytes);
    if (whole === undefined) return undefined;
    const warm: unknown = JSON.parse(whole.toString('latin1', 0, headerBytes));
    return Array.isArray(warm) ? { warm, code: whole.subarray(headerBytes) } : undefined;
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

function store(path: string, warm: readonly string[], code: Buffer): void {
  const header = JSON.stringify(warm);
  if (header.length > headerBytes) return;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}`;
  const fd = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    writeSync(fd, doubled(Buffer.concat([Buffer.from(header.padEnd(headerBytes)), code])));
    fsyncSync(fd);
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
}

/** Loads a file of the bundle; `name` is one of `dist`. */
function load(name: string, codeCache: string): NodeModule['exports'] {
  const known = loaded.get(name);
  if (known !== undefined) return known.exports;
  const filename = join(__dirname, name);
  const source = `(function (exports, require, module, __filename, __dirname) {${readFileSync(filename, 'latin1')}\n})`;
  const stored = readStored(join(codeCache, `${name}.bin`));
  const script = new Script(source, {
    filename,
    ...(stored === undefined ? {} : { cachedData: stored.code }),
    importModuleDynamically: vmConstants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const stale = stored === undefined || script.cachedDataRejected === true;
  chunks.set(name, { script, warm: stale ? [] : stored.warm, stale });
  const own = { exports: {} } as NodeModule;
  loaded.set(name, own);
  const requireFrom = (wanted: string) =>
    wanted.startsWith('./') ? load(wanted.slice(2), codeCache) : require(wanted);
  script.runInThisContext()(own.exports, requireFrom, own, filename, __dirname);
  return own.exports;
}

/** Keeps the code of this run for the next; each kind of run adds the functions that only it needs. */
function keepCode(codeCache: string, ran: string): void {
  try {
    let stored = false;
    for (const [name, { script, warm, stale }] of chunks) {
      if (!stale && warm.includes(ran)) continue;
      store(join(codeCache, `${name}.bin`), [...warm, ran].slice(-20), script.createCachedData());
      stored = true;
    }
    if (stored) removeOldBuilds(dirname(codeCache));
  } catch {
    // A full or read-only disk costs speed, nothing else.
  }
}

function removeOldBuilds(directory: string): void {
  const entries = readdirSync(directory).map((name) => {
    const path = join(directory, name);
    return { path, at: statSync(path).mtimeMs };
  });
  entries.sort((a, b) => b.at - a.at);
  for (const { path } of entries.slice(builds)) rmSync(path, { recursive: true, force: true });
}

/** From 22.8 on Node does by itself what the rest of this file does. */
function enableCompileCache(directory: string): void {
  const node: { readonly enableCompileCache?: (directory: string) => unknown } = require('node:module');
  node.enableCompileCache?.(directory);
}

function start(hasCompileCache: boolean): void {
  const cache = cacheDirectory();
  let entry: Entry;
  let ran = '';
  if (cache === undefined || hasCompileCache) {
    if (cache !== undefined) enableCompileCache(join(cache, 'code', 'node'));
    entry = require('./cli.cjs');
  } else {
    const codeCache = codeDirectory(cache);
    entry = load('cli.cjs', codeCache);
    process.on('exit', () => {
      if (ran !== '') keepCode(codeCache, ran);
    });
  }
  const options = {
    cacheDirectory: cache,
    ran: (what: string) => {
      ran = what;
    },
  };
  void entry.main(process.argv.slice(2), options);
}

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`error: tscompose needs Node 20.19 or newer; this is ${process.version}\n`);
  process.exitCode = 4;
} else {
  start(major > 22 || (major === 22 && minor >= 8));
}
