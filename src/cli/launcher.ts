import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
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
// nothing slow: of the builtin modules here only node:vm, which is small, has not been loaded by Node itself already.

/** Replaced by the build: changes with every change of the bundle. */
declare const TSCOMPOSE_BUILD: string;

type Entry = {
  readonly main: (
    argv: readonly string[],
    options: { readonly cacheDirectory: string | undefined; readonly ran: (what: string) => void },
  ) => Promise<void>;
};

type File = { readonly script: Script; readonly warm: readonly string[]; readonly stale: boolean };
type Exports = NodeModule['exports'];
/** The modules of a file of `dist` by their names. */
type Modules = { readonly [name: string]: (require: (wanted: string) => Exports) => Exports };

/** Files whose code is kept, by the name it is kept under. */
const files = new Map<string, File>();
/** What modules export, ours and those of Node. */
const loaded = new Map<string, Exports>();
const builds = 4;

/** Commands for which every millisecond counts: the code kept for them is theirs alone, without what others need. */
const frequent = ['up', 'ps', 'logs', 'exec', 'completion'];

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
    let stat = statSync(directory, { throwIfNoEntry: false });
    if (stat === undefined) {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      stat = statSync(directory);
    }
    // Code read from a directory that somebody else can write to (XDG_CACHE_HOME kept by sudo) would be theirs to choose.
    const isSafe = ({ uid: owner, mode }: Stats) => (owner === uid || owner === 0) && (mode & 0o022) === 0;
    return isSafe(stat) && isSafe(statSync(parent)) ? directory : undefined;
  } catch {
    return undefined;
  }
}

function codeDirectory(cache: string): string {
  const { NODE_OPTIONS = '' } = process.env;
  const flags = [...process.execArgv, NODE_OPTIONS].join(' ').trim();
  const kind = flags === '' ? '' : `-${checksum(Buffer.from(flags))}`;
  return join(cache, 'code', `${TSCOMPOSE_BUILD}-${process.version}-${process.arch}${kind}`);
}

const headerBytes = 256;

type Stored = { readonly warm: readonly string[]; readonly code: Buffer };

/** 256 bytes of JSON padded with spaces, then what V8 gave. */
function readStored(path: string): Stored | undefined {
  try {
    // Of the file that was opened, whatever takes its place meanwhile.
    const bytes = readWhole(path, constants.O_NOFOLLOW | constants.O_NONBLOCK, (stat) => {
      return stat.isFile() && stat.uid === process.geteuid?.() && (stat.mode & 0o022) === 0 && stat.size <= 64 << 20;
    });
    if (bytes === undefined || bytes.length <= headerBytes) return undefined;
    // V8 does not check the body of its cache, and crashes on a damaged one.
    const whole = halved(bytes);
    if (whole === undefined) return undefined;
    const warm: unknown = JSON.parse(whole.toString('latin1', 0, headerBytes));
    return Array.isArray(warm) ? { warm, code: whole.subarray(headerBytes) } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * A regular file whose size does not change; undefined when it is refused or cut short. Node's readFileSync has to be
 * compiled first, which takes longer than to read a file.
 */
function readWhole(path: string, flags: number, accept: (stat: Stats) => boolean): Buffer | undefined {
  const fd = openSync(path, constants.O_RDONLY | flags);
  try {
    const stat = fstatSync(fd);
    if (!accept(stat)) return undefined;
    const bytes = Buffer.allocUnsafe(stat.size);
    return readSync(fd, bytes, 0, stat.size, 0) === stat.size ? bytes : undefined;
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

type FileOf = (name: string) => Modules;

/**
 * What a module of the program asks for, once: another one of its file as `./module`, one of another file as
 * `./file/module`, otherwise a module of Node or a package.
 */
function requireFrom(own: string, wanted: string, fileOf: FileOf): Exports {
  const known = loaded.get(wanted);
  if (known !== undefined) return known;
  if (wanted.startsWith('./')) {
    const slash = wanted.indexOf('/', 2);
    return slash === -1 ? run(own, wanted, fileOf) : run(wanted.slice(2, slash), `.${wanted.slice(slash)}`, fileOf);
  }
  const exports = require(wanted);
  loaded.set(wanted, exports);
  return exports;
}

function run(file: string, module: string, fileOf: FileOf): Exports {
  const known = loaded.get(module);
  if (known !== undefined) return known;
  const exports = fileOf(file)[module]?.((wanted) => requireFrom(file, wanted, fileOf));
  loaded.set(module, exports);
  return exports;
}

const readFiles = new Map<string, Modules>();

/** Where compiled code is kept, and for which kind of run. */
type Keeping = { readonly codeCache: string; readonly kind: string };

/** Loads a file of `dist`, once; without a place to keep compiled code as Node would load any script. */
function loadFile(name: string, keeping: Keeping | undefined): Modules {
  const known = readFiles.get(name);
  if (known !== undefined) return known;
  const filename = join(__dirname, name);
  // The build writes nothing but ASCII; this is three times as fast as decoding UTF-8.
  const source = readWhole(filename, 0, (stat) => stat.isFile())?.toString('latin1');
  if (source === undefined) throw new Error(`${filename} is no whole file`);
  const kept = `${name}${keeping?.kind}.bin`;
  const stored = keeping && readStored(join(keeping.codeCache, kept));
  const script = new Script(source, {
    filename,
    ...(stored === undefined ? {} : { cachedData: stored.code }),
    importModuleDynamically: vmConstants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const stale = stored === undefined || script.cachedDataRejected === true;
  files.set(kept, { script, warm: stale ? [] : stored.warm, stale });
  const modules: Modules = script.runInThisContext()(require, filename, __dirname);
  readFiles.set(name, modules);
  return modules;
}

/** Keeps the code of this run for the next; each kind of run adds the functions that only it needs. */
function keepCode(codeCache: string, ran: string): void {
  try {
    let stored = false;
    for (const [name, { script, warm, stale }] of files) {
      if (!stale && warm.includes(ran)) continue;
      store(join(codeCache, name), [...warm, ran].slice(-20), script.createCachedData());
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

/** As the shim starts a supervisor: its lock is a file, and what Node itself has as descriptor 3 is none. */
function isResident(): boolean {
  const [, , command, , ...more] = process.argv;
  if (command !== 'supervise' || more.length > 0) return false;
  try {
    return fstatSync(3).isFile();
  } catch {
    return false;
  }
}

function start(): void {
  const cache = cacheDirectory();
  const command = process.argv.slice(2).find((word) => frequent.includes(word));
  const kind = command === undefined ? '' : `.${command}`;
  const keeping = cache === undefined ? undefined : { codeCache: codeDirectory(cache), kind };
  let ran = '';
  if (keeping !== undefined) {
    process.on('exit', () => {
      if (ran !== '') keepCode(keeping.codeCache, ran);
    });
  }
  const options = {
    cacheDirectory: cache,
    ran: (what: string) => {
      ran = what;
    },
  };
  const [file, module] = isResident() ? ['resident.cjs', './resident.js'] : ['cli.cjs', './main.js'];
  const entry: Entry = run(file, module, (name) => loadFile(name, keeping));
  void entry.main(process.argv.slice(2), options);
}

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`error: tscompose needs Node 20.19 or newer; this is ${process.version}\n`);
  process.exitCode = 4;
} else {
  start();
}
